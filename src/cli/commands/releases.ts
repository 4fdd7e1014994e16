import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { requireRelease } from '../../publish/server-state/find-release.ts';
import { listedName } from '../../publish/server-state/server-state.ts';
import { formatBytes, formatTable } from '../format.ts';
import type { RemoteOptions } from '../options/remote-options.ts';
import type { Context } from '../program.ts';
import { connectForApp, type Remote } from '../wiring/connect.ts';

/** api.md, "List Releases". */
export async function runReleasesList(options: RemoteOptions, context: Context): Promise<void> {
  await withReleases(options, context, async (releases) => {
    context.output.document(releases);
    const rows = releases.map((release) => [
      release.version,
      release.status ?? '',
      release.pub_date ?? '',
      (release.artifacts ?? []).map(listedName).join(' '),
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

/** Extension `yank`: a way back that keeps the files. */
export async function runReleasesYank(
  options: RemoteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await setStatus(options, context, idOrVersion, 'yanked');
}

export async function runReleasesRestore(
  options: RemoteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await setStatus(options, context, idOrVersion, 'published');
}

async function setStatus(
  options: RemoteOptions,
  context: Context,
  idOrVersion: string,
  status: 'published' | 'yanked',
): Promise<void> {
  await withReleases(options, context, async (releases, { client, retry, appId }) => {
    const { id, version } = requireRelease(releases, idOrVersion);
    const capabilities = await retry.run(() => client.capabilities());
    if (!capabilities?.extensions.includes('yank')) {
      throw new OtaError('preflight_refused', 'this server cannot yank a release', {
        hint: 'Delete it with `releases delete`, or publish a higher version.',
      });
    }
    const release = await retry.run(() => client.updateRelease(appId, id, { status }));
    context.output.document(release);
    context.output.result(
      status === 'yanked'
        ? `${version} is no longer offered; its files stay.`
        : `${version} is offered again.`,
    );
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
  use: (releases: ReleaseResponse[], remote: Remote & { appId: string }) => Promise<void>,
): Promise<void> {
  const remote = connectForApp(options, context);
  try {
    await use(await remote.retry.run(() => remote.client.listReleases(remote.appId)), remote);
  } finally {
    await remote.transport.close();
  }
}

function describe(release: ReleaseResponse): string {
  const artifacts = (release.artifacts ?? []).map((artifact) => [
    `  ${listedName(artifact)}`,
    formatBytes(artifact.file_size),
    `sha256:${artifact.sha256}`,
  ]);
  const notes = release.notes ? [release.notes] : [];
  return [`${release.version}  ${release.pub_date ?? ''}  ${release.id}`, ...notes, formatTable(artifacts)]
    .filter((part) => part !== '')
    .join('\n');
}
