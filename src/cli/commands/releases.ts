import type { ReleaseAnswer } from '../../protocol/messages.ts';
import { requireRelease } from '../../publish/find-release.ts';
import { formatBytes, formatTable } from '../format.ts';
import type { Context } from '../program.ts';
import { connectForApp, type Remote } from '../remote.ts';
import type { RemoteOptions } from '../settings.ts';

/** api.md, "List Releases". */
export async function runReleasesList(options: RemoteOptions, context: Context): Promise<void> {
  await withReleases(options, context, async (releases) => {
    context.output.document(releases);
    const rows = releases.map((release) => [
      release.version,
      release.pub_date ?? '',
      (release.artifacts ?? []).map(({ target, arch }) => `${target}-${arch}`).join(' '),
      release.id,
    ]);
    context.output.result(rows.length > 0 ? formatTable(rows) : 'No releases yet.');
  });
}

export async function runReleasesShow(
  options: RemoteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await withReleases(options, context, async (releases) => {
    const release = requireRelease(releases, idOrVersion);
    context.output.document(release);
    context.output.result(describe(release));
  });
}

/** api.md, "Delete a Release". */
export async function runReleasesDelete(
  options: RemoteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await withReleases(options, context, async (releases, { client, retry, appId }) => {
    const release = requireRelease(releases, idOrVersion);
    await retry.run(() => client.deleteRelease(appId, release.id));
    context.output.document({ deleted: release });
    context.output.result(`Deleted ${release.version} (${release.id}).`);
  });
}

async function withReleases(
  options: RemoteOptions,
  context: Context,
  use: (releases: ReleaseAnswer[], remote: Remote & { appId: string }) => Promise<void>,
): Promise<void> {
  const remote = connectForApp(options, context);
  try {
    await use(await remote.retry.run(() => remote.client.listReleases(remote.appId)), remote);
  } finally {
    await remote.transport.close();
  }
}

function describe(release: ReleaseAnswer): string {
  const artifacts = (release.artifacts ?? []).map(({ target, arch, file_size, sha256 }) => [
    `  ${target}-${arch}`,
    formatBytes(file_size),
    `sha256:${sha256}`,
  ]);
  const notes = release.notes ? [release.notes] : [];
  return [`${release.version}  ${release.pub_date ?? ''}  ${release.id}`, ...notes, formatTable(artifacts)]
    .filter((part) => part !== '')
    .join('\n');
}
