import { OtaError } from '../../errors.ts';
import { throwIssues } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse, UpdateReleaseRequest } from '../../protocol/messages.ts';
import { formatKeyId, formatPublicKey, type PublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { notesSizeIssues } from '../../publish/plan/release-notes.ts';
import { type Renewal, renewManifest } from '../../publish/renew-manifest.ts';
import { requireRelease } from '../../publish/server-state/find-release.ts';
import { listedName, readExtensions, supports } from '../../publish/server-state/server-state.ts';
import { readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { formatCount, formatNotes } from '../format.ts';
import { formatTable } from '../layout/table.ts';
import { wrapLines } from '../layout/words.ts';
import { readManifestSigner } from '../options/manifest-key.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readMinimumSystem, readNotes } from '../options/release-options.ts';
import { readInteger, readPublicKey } from '../options/remote-options.ts';
import type { RemoteOptions } from '../options/shared-options.ts';
import { canAsk, confirm } from '../prompt/ask.ts';
import { describeRollout } from '../rollout-in-words.ts';
import { type AppRemote, connectForApp } from '../wiring/connect.ts';
import { type CheckedAttestation, checkAttestation, foundIn, signerLines } from './checked-attestation.ts';
import type {
  ReleasesDeleteOptions,
  ReleasesEditOptions,
  ReleasesListOptions,
  ReleasesRestoreOptions,
  ReleasesShowOptions,
  ReleasesYankOptions,
} from './releases-command.ts';

type StrandingOptions = Pick<ReleasesYankOptions, 'allowStranding'>;

/** Releases that are asked for at once. */
const PAGE_SIZE = 100;
/** More than any app has. */
const MAX_LISTED = 100_000;
/** Of all pages, in characters: they are kept in memory. */
const MAX_LENGTH = 128 * 1024 * 1024;

/** api.md, "List Releases"; with the extension `paging` in pages, without notes and signatures. */
export async function runReleasesList(options: ReleasesListOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const limit =
    options.limit === undefined
      ? Number.POSITIVE_INFINITY
      : readInteger({ option: '--limit', text: options.limit, min: 1 }, errors);
  errors.throwIfAny();
  await withRemote(connectForApp(options, context), async (remote) => {
    const releases = await listReleases(remote, limit);
    context.output.document(releases);
    const rows = releases.map((release) => [
      release.version,
      stateOf(release),
      release.channel ?? STABLE,
      release.pub_date ?? '-',
      (release.artifacts ?? []).map(listedName).join(' ') || '-',
      release.id,
    ]);
    const header = ['version', 'state', 'channel', 'published', 'platforms', 'id'];
    const { columns: width, style } = context.output;
    context.output.result(rows.length > 0 ? formatTable(rows, { header, width, style }) : 'No releases yet.');
  });
}

function stateOf(release: ReleaseResponse): string {
  const rollout = release.status === 'yanked' ? undefined : describeRollout(release);
  const approval = release.awaits_approval ? 'awaits approval' : undefined;
  const status = release.rolled_back ? 'rolled back' : (release.status ?? '');
  const urgency = release.mandatory ? 'mandatory' : undefined;
  return [status, approval, rollout, urgency].filter((part) => part !== undefined).join(', ');
}

/** The highest releases. */
export async function listReleases(
  { client, retry, appId }: AppRemote,
  limit: number,
): Promise<ReleaseResponse[]> {
  const extensions = await readExtensions({ client, retry });
  if (!supports({ extensions }, 'paging')) {
    return (await retry.run(() => client.listReleases(appId))).slice(0, limit);
  }
  const releases: ReleaseResponse[] = [];
  let [pages, length] = [0, 0];
  for (let after: string | undefined; ; ) {
    const size = Math.min(PAGE_SIZE, limit - releases.length);
    const query = { limit: String(size), brief: 'true', ...(after !== undefined && { after }) } as const;
    const page = await retry.run(() => client.listReleasePage(appId, query));
    for (const release of page.releases) releases.push(release);
    pages += 1;
    length += page.length;
    if (page.next === undefined || releases.length >= limit) return releases;
    const isEndless = page.releases.length === 0 || pages * PAGE_SIZE > MAX_LISTED;
    if (isEndless || length > MAX_LENGTH || page.next === after) throw endlessList();
    after = page.next;
  }
}

function endlessList(): OtaError {
  return new OtaError('not_the_api', 'the server lists releases without end', {
    hint: 'List fewer with --limit.',
  });
}

export async function runReleasesShow(
  options: ReleasesShowOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await withRelease(connectForApp(options, context), idOrVersion, async (release, remote) => {
    const checked = await attestationOf(remote, release, options);
    context.output.document({ ...release, ...(checked && { attestation: attestationFields(checked) }) });
    context.output.result(describe(release, checked, context.output.columns));
  });
}

/** Extension `attestation`: verified, whatever the server says. Undefined where there is none. */
async function attestationOf(
  { client, retry, appId }: AppRemote,
  { id, provenance }: ReleaseResponse,
  { sigstoreRoot }: ReleasesShowOptions,
): Promise<CheckedAttestation | undefined> {
  if (!supports(client, 'attestation')) return undefined;
  const found = foundIn(await retry.run(() => client.readAttestations(appId, id)));
  return found && checkAttestation({ ...found, job: provenance }, { sigstoreRoot });
}

function attestationFields(checked: CheckedAttestation) {
  return checked.kind === 'refused'
    ? { verified: false, reason: checked.reason }
    : { verified: true, signers: checked.attestation.signers, expected_by: checked.expectedBy };
}

/** Extension `yank`; for the key, `key-routing`. */
export async function runReleasesEdit(
  options: ReleasesEditOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const errors = new OptionErrors();
  const notes = readNewNotes(options, errors);
  const key = readPublicKey(options.embeddedPubkey, errors, '--embedded-pubkey');
  const policy = policyChange(options, errors);
  if (errors.isEmpty && notes === undefined && key === undefined && policy === undefined)
    errors.add(
      'nothing to change: pass --notes, --notes-file, --remove-notes, --mandatory, --minimum-system-version or --embedded-pubkey',
    );
  const config = readConfigFileInto(errors, '.');
  const sources = { environment: context.environment, config };
  const { signer, warning } = await readManifestSigner(options, sources, errors);
  const connection = connectForApp(options, context, { errors, config });
  const release = await withRelease(connection, idOrVersion, async ({ id }, remote) => {
    const { client, retry, appId } = remote;
    const { extensions } = client;
    requireYank(extensions, 'this server cannot change a release', EDIT_HINT);
    if (key !== undefined) requireRouting(extensions);
    if (policy !== undefined) requirePolicy(extensions);
    if (notes !== undefined)
      throwIssues(notesSizeIssues({ notes: notes.text }, { notesSource: notes.source }, { extensions }));
    const change = { ...(notes && { notes: notes.text }), ...(key && keyChange(key, options)), ...policy };
    const changed = await retry.run(() => client.updateRelease(appId, id, change));
    if (notes !== undefined && supports(client, 'manifest')) {
      if (warning !== undefined) context.output.warning(warning);
      await signNotes(remote, { release: changed, signer, notes: notes.text }, context);
    }
    return changed;
  });
  context.output.document(release);
  const keyText = key && `the key that its build carries to ${formatKeyId(key.keyId)}`;
  const changed = [notes && 'the notes', keyText].filter((part) => part !== undefined).join(' and ');
  context.output.result([
    ...(changed === '' ? [] : [`Changed ${changed} of ${release.version}.`]),
    ...(policy === undefined ? [] : policyResults(release, policy)),
  ]);
}

/** What apps read of a release after a change of it. */
function policyResults(
  { version, mandatory = false }: ReleaseResponse,
  change: UpdateReleaseRequest,
): string[] {
  const system = Object.entries(change.minimum_system_version ?? {});
  return [
    ...(change.mandatory === undefined ? [] : [`${version} is ${mandatory ? '' : 'not '}mandatory.`]),
    ...system.map(([target, minimum]) => `${version} needs ${target} ${minimum} or later.`),
  ];
}

/** Extension `policy`; undefined when nothing of it is given. */
function policyChange(
  { mandatory, minimumSystemVersion }: ReleasesEditOptions,
  errors: OptionErrors,
): UpdateReleaseRequest | undefined {
  const system = readMinimumSystem(minimumSystemVersion, errors);
  if (mandatory === undefined && system === undefined) return undefined;
  return {
    ...(mandatory !== undefined && { mandatory }),
    ...(system && { minimum_system_version: system }),
  };
}

/** The text is null for no notes; undefined when they stay. Empty ones are more often a mistake. */
function readNewNotes(
  options: ReleasesEditOptions,
  errors: OptionErrors,
): { readonly text: string | null; readonly source: string | undefined } | undefined {
  const notes = readNotes(options, errors);
  if (options.removeNotes) {
    if (notes !== undefined)
      errors.add(`${notes.source} and --remove-notes cannot be used together: give one`);
    return { text: null, source: undefined };
  }
  if (errors.isEmpty && notes !== undefined && !notes.text)
    errors.add(`the notes are empty (${notes.source}): give the new text, or pass --remove-notes`);
  return notes;
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
  const state = describeRollout(release);
  context.output.result(
    state === undefined
      ? `${release.version} is offered again.`
      : `${release.version} is live again, and ${state}.`,
  );
}

interface StatusChange {
  readonly options: RemoteOptions & StrandingOptions;
  readonly context: Context;
  readonly idOrVersion: string;
  readonly status: 'published' | 'yanked';
}

async function setStatus({ options, context, idOrVersion, status }: StatusChange): Promise<ReleaseResponse> {
  const remote = connectForApp(options, context);
  return withRelease(remote, idOrVersion, async ({ id }, { client, retry, appId }) => {
    const { extensions } = client;
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

/** @throws OtaError `preflight_refused` when the server does not say how urgent an update is */
export function requirePolicy(extensions: ReadonlySet<string>): void {
  if (supports({ extensions }, 'policy')) return;
  throw new OtaError(
    'preflight_refused',
    'this server neither says how urgent an update is, nor leads apps back',
    {
      hint: 'Use a server with the extension policy.',
    },
  );
}

/** api.md, "Delete a Release". */
export async function runReleasesDelete(
  options: ReleasesDeleteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const remote = connectForApp(options, context);
  await withRelease(remote, idOrVersion, async (release, { client, retry, appId }) => {
    if (!options.yes && canAsk()) await requireConsent(release, context);
    const allowStranding = options.allowStranding && supports(client, 'key-routing');
    await retry.run(() => client.deleteRelease(appId, release.id, { allowStranding }));
    context.output.document({ deleted: release });
    context.output.result(`Deleted ${release.version} (${release.id}).`);
  });
}

/** A script is not asked: it has said what it wants. @throws OtaError `interrupted` unless the answer is yes */
async function requireConsent(release: ReleaseResponse, context: Context): Promise<void> {
  const { version, artifacts = [] } = release;
  const files = formatCount(artifacts.length, 'file');
  const what = `This deletes ${version} (${stateOf(release)}) with ${files}, which cannot be undone; \`releases yank\` only stops offering it.`;
  if (await confirm([what, 'Delete it?'], UNDELETED, context)) return;
  throw new OtaError('interrupted', UNDELETED);
}

const UNDELETED = 'nothing was deleted';

/** What is signed about a release says what its notes are: with the key it is signed again. */
async function signNotes(
  remote: AppRemote,
  renewal: Renewal & { readonly release: ReleaseResponse },
  { output }: Context,
): Promise<void> {
  const { version } = renewal.release;
  const { renewed, left } = await renewManifest(remote, renewal);
  if (renewed > 0) output.note(`manifest of ${version} signed again`);
  if (left === 0) return;
  output.warning(
    `the manifest of ${version} does not agree with its notes any more, and \`check\` reports that: edit them once ` +
      'more with the key that it is signed with (--manifest-key)',
  );
}

/** Looks the release up first, and closes the connection at the end. */
export async function withRelease<T>(
  remote: AppRemote,
  idOrVersion: string,
  use: (release: ReleaseResponse, remote: AppRemote) => Promise<T>,
): Promise<T> {
  return withRemote(remote, async () => {
    await readExtensions(remote);
    const { release } = await remote.retry.run(() => requireRelease(remote, idOrVersion));
    return use(release, remote);
  });
}

export async function withRemote<T>(remote: AppRemote, use: (remote: AppRemote) => Promise<T>): Promise<T> {
  try {
    return await use(remote);
  } finally {
    await remote.transport.close();
  }
}

function describe(
  release: ReleaseResponse,
  attestation: CheckedAttestation | undefined,
  width: number,
): string[] {
  const artifacts = (release.artifacts ?? []).map((artifact) => [
    `  ${listedName(artifact)}`,
    formatBytes(artifact.file_size),
    `sha256:${artifact.sha256}`,
  ]);
  const notes = formatNotes(release.notes ?? '');
  const heading = `${release.version}  ${release.pub_date ?? ''}  ${release.id}`;
  const rollout = describeRollout(release);
  const about = [
    ...(rollout === undefined ? [] : [rollout]),
    ...(release.pause_reason == null ? [] : [`why: ${release.pause_reason.text}`]),
    ...(release.auto_pause === false ? ['not paused by the server, whatever happens'] : []),
    ...policyLines(release),
    ...routingLines(release),
    ...provenanceLines(release),
    ...attestationLines(attestation),
  ];
  return [heading, ...wrapLines(about, width), ...notes, ...formatTable(artifacts, { width })];
}

function attestationLines(checked: CheckedAttestation | undefined): string[] {
  if (checked === undefined) return [];
  return checked.kind === 'refused'
    ? [`do not trust its attestation: ${checked.reason}`]
    : signerLines(checked.attestation);
}

/** Extension `policy`. */
function policyLines({
  mandatory,
  rolled_back: rolledBack,
  minimum_system_version: system,
}: ReleaseResponse): string[] {
  const systems = Object.entries(system ?? {}).map(([target, version]) => `${target} ${version}`);
  return [
    ...(mandatory ? ['mandatory'] : []),
    ...(rolledBack ? ['rolled back'] : []),
    ...(systems.length > 0 ? [`runs on ${systems.join(', ')} or later`] : []),
  ];
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
  return [...(keys.length > 0 ? [keys.join(', ')] : []), ...(requires ? [`requires ${requires}`] : [])];
}

/** Extension `trusted-publishing`: the job that created it, which the server verified. */
function provenanceLines({ provenance }: ReleaseResponse): string[] {
  if (provenance == null) return [];
  const { repository, commit, ref, run, actor, mixed } = provenance;
  return [
    `from ${repository} at ${commit} (${ref}), by ${actor}`,
    run,
    ...(mixed ? ['not all of its files are from that commit and repository'] : []),
  ];
}
