import { OtaError } from '../../errors.ts';
import { throwIssues } from '../../issue.ts';
import type { ReleaseResponse, UpdateReleaseRequest } from '../../protocol/messages.ts';
import { formatKeyId, formatPublicKey, type PublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { notesSizeIssues } from '../../publish/plan/release-notes.ts';
import { requireRelease } from '../../publish/server-state/find-release.ts';
import { listedName, readExtensions, supports } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { formatBytes, formatTable } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readNotes } from '../options/release-options.ts';
import { readPublicKey } from '../options/remote-options.ts';
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

/** Extension `yank`; for the key, `key-routing`. */
export async function runReleasesEdit(
  options: ReleasesEditOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const errors = new OptionErrors();
  const notes = readNotes(options, errors);
  const key = readPublicKey(options.embeddedPubkey, errors, '--embedded-pubkey');
  if (errors.isEmpty && notes !== undefined && !notes.text)
    errors.add(`the notes are empty (${notes.source}): give the new text`);
  if (errors.isEmpty && notes === undefined && key === undefined)
    errors.add('nothing to change: pass --notes, --notes-file or --embedded-pubkey');
  const remote = connectForApp(options, context, { errors });
  const release = await withReleases(remote, async (releases, { client, retry, appId }) => {
    const { id } = requireRelease(releases, idOrVersion);
    const extensions = await readExtensions(remote);
    requireYank(extensions, 'this server cannot change a release', EDIT_HINT);
    if (key !== undefined) requireRouting(extensions);
    if (notes !== undefined)
      throwIssues(notesSizeIssues({ notes: notes.text }, { notesSource: notes.source }, { extensions }));
    const change = { ...(notes && { notes: notes.text }), ...(key && keyChange(key, options)) };
    return retry.run(() => client.updateRelease(appId, id, change));
  });
  context.output.document(release);
  const keyText = key && `the key that its build carries to ${formatKeyId(key.keyId)}`;
  const changed = [notes && 'the notes', keyText].filter((part) => part !== undefined).join(' and ');
  context.output.result(`Changed ${changed} of ${release.version}.`);
}

/** A person who names the key says that what was recorded is wrong. */
function keyChange(key: PublicKey, { allowStranding }: StrandingOptions): UpdateReleaseRequest {
  return {
    embedded_pubkey: formatPublicKey(key),
    replace_embedded_pubkey: true,
    ...(allowStranding && { allow_stranding: true }),
  };
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
const EDIT_HINT = 'Publish a higher version that is right.';

/** @throws OtaError `preflight_refused` when the server cannot change a release */
function requireYank(extensions: ReadonlySet<string>, message: string, hint: string): void {
  if (!supports({ extensions }, 'yank')) throw new OtaError('preflight_refused', message, { hint });
}

/** @throws OtaError `preflight_refused` when the server does not record keys */
function requireRouting(extensions: ReadonlySet<string>): void {
  if (supports({ extensions }, 'key-routing')) return;
  throw new OtaError('preflight_refused', 'this server does not record the keys that builds carry', {
    hint: 'Leave --embedded-pubkey out, or use a server with the extension key-routing.',
  });
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
