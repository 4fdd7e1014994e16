import { OtaError } from '../../errors.ts';
import { throwIssues } from '../../issue.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { notesSizeIssues } from '../../publish/plan/release-notes.ts';
import { requireRelease } from '../../publish/server-state/find-release.ts';
import { listedName, readExtensions, supports } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { formatBytes, formatTable } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readNotes } from '../options/release-options.ts';
import type { RemoteOptions } from '../options/shared-options.ts';
import { type AppRemote, connectForApp } from '../wiring/connect.ts';
import type {
  ReleasesDeleteOptions,
  ReleasesEditOptions,
  ReleasesListOptions,
  ReleasesRestoreOptions,
  ReleasesShowOptions,
  ReleasesYankOptions,
} from './releases-command.ts';

type StrandingOptions = Pick<ReleasesYankOptions, 'allowStranding'>;

/** api.md, "List Releases". */
export async function runReleasesList(options: ReleasesListOptions, context: Context): Promise<void> {
  await withReleases(connectForApp(options, context), async (releases) => {
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
  options: ReleasesShowOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await withReleases(connectForApp(options, context), async (releases) => {
    const release = requireRelease(releases, idOrVersion);
    context.output.document(release);
    context.output.result(describe(release));
  });
}

/** Extension `yank`. */
export async function runReleasesEdit(
  options: ReleasesEditOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const errors = new OptionErrors();
  const notes = readNotes(options, errors);
  if (errors.isEmpty && !notes?.text) {
    errors.add(
      notes === undefined
        ? 'no notes given: pass --notes or --notes-file'
        : `the notes are empty (${notes.source}): give the new text`,
    );
  }
  const remote = connectForApp(options, context, { errors });
  if (notes === undefined) throw errors.toError();
  const { text, source } = notes;
  const release = await withReleases(remote, async (releases, { client, retry, appId }) => {
    const { id } = requireRelease(releases, idOrVersion);
    const extensions = await readExtensions(remote);
    requireYank(extensions, 'this server cannot change the notes of a release', EDIT_HINT);
    throwIssues(notesSizeIssues({ notes: text }, { notesSource: source }, { extensions }));
    return retry.run(() => client.updateRelease(appId, id, { notes: text }));
  });
  context.output.document(release);
  context.output.result(`Changed the notes of ${release.version}.`);
}

/** Extension `yank`. */
export async function runReleasesYank(
  options: ReleasesYankOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const release = await setStatus({ options, context, idOrVersion, status: 'yanked' });
  context.output.result(`${release.version} is no longer offered; its files are kept.`);
}

export async function runReleasesRestore(
  options: ReleasesRestoreOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const release = await setStatus({ options, context, idOrVersion, status: 'published' });
  context.output.result(`${release.version} is offered again.`);
}

interface StatusChange {
  readonly options: RemoteOptions & StrandingOptions;
  readonly context: Context;
  readonly idOrVersion: string;
  readonly status: 'published' | 'yanked';
}

async function setStatus({ options, context, idOrVersion, status }: StatusChange): Promise<ReleaseResponse> {
  const remote = connectForApp(options, context);
  return withReleases(remote, async (releases, { client, retry, appId }) => {
    const { id } = requireRelease(releases, idOrVersion);
    const extensions = await readExtensions(remote);
    requireYank(extensions, 'this server cannot yank releases', YANK_HINT);
    const allowed = options.allowStranding && supports({ extensions }, 'key-routing');
    const change = { status, ...(allowed && { allow_stranding: true }) };
    const release = await retry.run(() => client.updateRelease(appId, id, change));
    context.output.document(release);
    return release;
  });
}

const YANK_HINT = 'Delete it with `synckit-ota releases delete`, or publish a higher version.';
const EDIT_HINT = 'Publish a higher version with the right notes.';

/** @throws OtaError `preflight_refused` when the server cannot change a release */
function requireYank(extensions: ReadonlySet<string>, message: string, hint: string): void {
  if (!supports({ extensions }, 'yank')) throw new OtaError('preflight_refused', message, { hint });
}

/** api.md, "Delete a Release". */
export async function runReleasesDelete(
  options: ReleasesDeleteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const remote = connectForApp(options, context);
  await withReleases(remote, async (releases, { client, retry, appId }) => {
    const release = requireRelease(releases, idOrVersion);
    const allowStranding = options.allowStranding && (await canRoute(remote));
    await retry.run(() => client.deleteRelease(appId, release.id, { allowStranding }));
    context.output.document({ deleted: release });
    context.output.result(`Deleted ${release.version} (${release.id}).`);
  });
}

/** A server without the extension `key-routing` withdraws any release. */
async function canRoute(remote: AppRemote): Promise<boolean> {
  return supports({ extensions: await readExtensions(remote) }, 'key-routing');
}

/** Reads the releases first, and closes the connection at the end. */
async function withReleases<T>(
  remote: AppRemote,
  use: (releases: ReleaseResponse[], remote: AppRemote) => Promise<T>,
): Promise<T> {
  try {
    return await use(await remote.retry.run(() => remote.client.listReleases(remote.appId)), remote);
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
  const heading = `${release.version}  ${release.pub_date ?? ''}  ${release.id}`;
  return [heading, ...routingLines(release), ...notes, formatTable(artifacts)]
    .filter((part) => part !== '')
    .join('\n');
}

/** Extension `key-routing`. */
function routingLines({
  signing_key_id: signing,
  embedded_pubkey: embedded,
  requires,
}: ReleaseResponse): string[] {
  const carried = publicKeyIdOf(embedded ?? '');
  const keys = [
    ...(signing ? [`signed with key ${signing}`] : []),
    ...(carried === undefined ? [] : [`carries key ${carried}`]),
  ];
  return [keys.join(', '), requires ? `requires ${requires}` : ''];
}
