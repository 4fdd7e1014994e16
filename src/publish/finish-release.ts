import { OtaError } from '../errors.ts';
import { type Issue, type IssueId, throwIssues } from '../issue.ts';
import { STABLE } from '../protocol/channel.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import {
  formatKeyId,
  formatPublicKey,
  type PublicKey,
  parsePublicKey,
  publicKeyIdOf,
} from '../protocol/minisign.ts';
import { missingNames, namesPlatform, parsePlatform, platformName } from '../protocol/platform.ts';
import { clockIssues } from './clock-difference.ts';
import { completeManifest } from './execute/complete-manifest.ts';
import { publishDraft } from './execute/go-live.ts';
import { reviewManifest } from './execute/review-manifest.ts';
import { knownKeys } from './known-keys.ts';
import { askingFor } from './plan/asking-for.ts';
import { handoverWarning } from './plan/plan-warnings.ts';
import { keyIdsOf } from './plan/previous-release.ts';
import { strandingIssues } from './plan/stranding.ts';
import { scopeIssues } from './plan/token-scopes.ts';
import type { Publisher } from './publisher.ts';
import type { ManifestSigner } from './release-request.ts';
import { signedFilesOf } from './server-state/app-files.ts';
import { checkPublicUrl } from './server-state/check-public-url.ts';
import { requireRelease } from './server-state/find-release.ts';
import { listedFiles, type PublishedFile, type VerifiedFile } from './server-state/published-file.ts';
import {
  lostNames,
  readCapabilities,
  readServerState,
  type ServerState,
  supports,
} from './server-state/server-state.ts';
import { requireNotWithdrawn } from './server-state/withdrawal.ts';
import { verifyRelease } from './verify/verify-release.ts';

const PUBLISH_FIRST = 'Publish the missing files into it first';
/** An abandoned upload counts until its URL expires. */
const WAIT = 'Wait for the jobs that upload into it, or for an hour if one of them died';

export interface FinishRequest {
  /** Id or version of a draft. */
  readonly release: string;
  /** Names of platforms that it must have, instead of those that the draft was created to wait for. */
  readonly expect?: readonly string[] | undefined;
  /** Names of platforms that it must have besides, unless `expect` is given. */
  readonly configured?: readonly string[] | undefined;
  /** The app's slug, where the server does not say it. */
  readonly slug?: string | undefined;
  /** To check what is served against; when absent, the keys that the server knows. */
  readonly publicKey?: PublicKey | undefined;
  /** The key that the draft's build carries, where it is a new one that whoever approves it has compared. */
  readonly embeddedKey?: PublicKey | undefined;
  /** Extension `manifest`: signs what has no statement yet; undefined where there is no key for that. */
  readonly manifest?: ManifestSigner | undefined;
  /** Even if versions have no way to the highest release then. */
  readonly allowStranding?: boolean;
  /** Concurrent downloads. */
  readonly concurrency: number;
}

export interface FinishResult {
  readonly status: 'published' | 'unchanged';
  readonly release: ReleaseResponse;
  /** The app's; undefined when it is unknown. */
  readonly slug: string | undefined;
  readonly artifacts: readonly VerifiedFile[];
  readonly warnings: readonly string[];
}

/**
 * Extension `draft`: takes a draft live with all files that it has now, and verifies what installed apps get.
 * @throws OtaError with all issues that keep it from going live; `preflight_refused` when the server does not support drafts
 */
export async function finishRelease(publisher: Publisher, request: FinishRequest): Promise<FinishResult> {
  const { client, retry } = publisher;
  const capabilities = await readCapabilities(publisher);
  const { extensions } = capabilities;
  if (!supports({ extensions }, 'draft')) {
    throw new OtaError('preflight_refused', 'this server does not support drafts');
  }
  const { release: named, releases } = await retry.run(() => requireRelease(publisher, request.release));
  const found = requireNotWithdrawn(named.version, named);
  const lost = lostNames(found);
  const files = listedFiles(found).filter((file) => !lost.includes(platformName(file)));
  const { version, channel } = found;
  const asked = { version, channel, platforms: files, releases };
  const server = await readServerState(publisher, { ...capabilities, ...asked });
  const wasLive = found.status === 'published';
  const warnings = wasLive ? [] : [...withoutWarnings(found, files), ...handover(found, server)];
  const { expect, allowStranding = false } = request;
  const writes = { channel: channel ?? STABLE, upload: false, goLive: !wasLive, rollBack: false };
  const incomplete = completenessIssues(found, files, request);
  const { given, others } = knownKeys({ ...request, version }, server);
  // A server may name another key by the id of this one.
  const own = request.manifest && [request.manifest.pair.publicKey];
  const keys = { given, others: [...(own ?? []), ...others] };
  const signers = given === undefined ? keys.others : [...keys.others, given];
  const { publicUrl } = capabilities;
  // Which versions a draft strands is only known once all its files are there.
  const mayStrand = incomplete.length === 0 && !wasLive && !allowStranding;
  throwIssues([
    ...incomplete,
    ...checkPublicUrl({ publicUrl, server: client.server, origins: new Set() }).issues,
    ...scopeIssues({ ...writes, slug: undefined }, server),
    ...(wasLive ? [] : unconfirmedKey(found, request.embeddedKey, server)),
    ...(wasLive ? [] : await manifestIssues(publisher, { release: found, files, keys: signers, server })),
    ...clockIssues(publisher, request.manifest),
    ...(mayStrand ? strandingIssues({ ...found, files: signedFilesOf(found) }, server) : []),
  ]);
  for (const message of warnings) publisher.report({ type: 'warning', message });
  const going = { files, expect, allowStranding: allowStranding && supports(server, 'key-routing') };
  const release = wasLive ? found : await publishDraft(publisher, found, going);
  const slug = server.slug ?? request.slug;
  const artifacts = await verifyRelease(publisher, {
    release,
    files,
    slug,
    keys,
    askAs: askingFor(release, files, server),
    concurrency: request.concurrency,
  });
  const signing = { release, slug, files: artifacts, publicKey: given, keys: signers, server };
  warnings.push(...(await completeManifest(publisher, request.manifest, signing)));
  return { status: wasLive ? 'unchanged' : 'published', release, slug, artifacts, warnings };
}

interface ManifestQuestion {
  readonly release: ReleaseResponse;
  readonly files: readonly PublishedFile[];
  readonly keys: readonly PublicKey[];
  readonly server: Pick<ServerState, 'extensions'>;
}

/** Extension `manifest`: what is signed about a live release is not changed, so that it has to be right before. */
async function manifestIssues(
  { client, retry, appId }: Publisher,
  { release, files, keys, server }: ManifestQuestion,
): Promise<Issue[]> {
  if (!supports(server, 'manifest')) return [];
  const bundle = await retry.run(() => client.readManifest(appId, release.id));
  const { problem, isContradiction } = reviewManifest(bundle, { keys, files, now: new Date() });
  if (!isContradiction) return [];
  const message = `the manifest of ${release.version} ${problem}, so that the release could not be verified`;
  const hint =
    'Publish its files into the draft again, with the key that signs the manifest: that replaces it.';
  return [{ id: 'release.wrong_manifest', code: 'preflight_refused', message, hint }];
}

/** A draft keeps its own list, whatever the config file says: only the option, given for this draft, is a decision. */
function completenessIssues(
  { version, status, expect: ownList = [], uploading = [], artifacts = [] }: ReleaseResponse,
  files: readonly PublishedFile[],
  { expect, configured = [] }: FinishRequest,
): Issue[] {
  const own = status === 'draft' ? ownList : [];
  const names = expect ?? [...new Set([...own, ...configured])];
  const missing = missingNames(names, files);
  // A list says which uploads it is about; without one, all of them are waited for.
  const awaited = uploading.filter((name) => names.length === 0 || isNamed(name, names));
  const started = awaited.filter((name) => !missing.includes(name));
  const lost = lostNames({ artifacts });
  const wanted = expect === undefined ? lost : lost.filter((name) => isNamed(name, expect));
  const issue = (id: IssueId, message: string, hint: string): Issue => ({
    id,
    code: 'preflight_refused',
    message: `${version} ${message}`,
    hint,
  });
  const withoutThem =
    expect === undefined ? '; to take it live without them, list with --expect what it must have' : '';
  return [
    ...(files.length === 0 && wanted.length === 0
      ? [issue('release.no_files', 'has no files yet', `${PUBLISH_FIRST}.`)]
      : []),
    ...(files.length > 0 && missing.length > 0
      ? [issue('release.incomplete', `lacks ${missing.join(', ')}`, `${PUBLISH_FIRST}${withoutThem}.`)]
      : []),
    ...(wanted.length > 0
      ? [issue('release.incomplete', `has lost ${wanted.join(', ')}`, 'Publish the same files again first.')]
      : []),
    ...(files.length > 0 && started.length > 0
      ? [issue('release.uploading', `is still receiving ${started.join(', ')}`, `${WAIT}${withoutThem}.`)]
      : []),
  ];
}

function isNamed(name: string, names: readonly string[]): boolean {
  const platform = parsePlatform(name);
  return platform !== undefined && names.some((candidate) => namesPlatform(candidate, platform));
}

function handover(release: ReleaseResponse, server: ServerState): string[] {
  const [from, ...others] = keyIdsOf(release);
  const embeddedKey = parsePublicKey(release.embedded_pubkey ?? '');
  if (from === undefined || others.length > 0 || embeddedKey === undefined) return [];
  return handoverWarning({ version: release.version, from, embeddedKey }, server);
}

/** Extension `approval`: from the next release on, uploads may be signed with a key that is not known yet. */
function unconfirmedKey(
  { version, embedded_pubkey }: ReleaseResponse,
  confirmed: PublicKey | undefined,
  { approval, acceptedPubkeys }: ServerState,
): Issue[] {
  const carried = parsePublicKey(embedded_pubkey ?? '');
  if (!approval || acceptedPubkeys === undefined || carried === undefined) return [];
  const id = formatKeyId(carried.keyId);
  const isSame = confirmed !== undefined && formatPublicKey(confirmed) === formatPublicKey(carried);
  if (isSame || acceptedPubkeys.some((known) => publicKeyIdOf(known) === id)) return [];
  const message = `${version} hands over to key ${id}, which this app does not know yet: whoever has it can sign all releases after ${version}`;
  const hint = `Compare it with the new key of the app. If it is that one, pass --embedded-pubkey ${formatPublicKey(carried)}.`;
  return [{ id: 'release.new_key', code: 'preflight_refused', message, hint }];
}

/** What a draft waited for and goes live without, by the decision of a person. */
function withoutWarnings(
  { version, expect = [] }: ReleaseResponse,
  files: readonly PublishedFile[],
): string[] {
  const missing = missingNames(expect, files);
  if (missing.length === 0) return [];
  return [`${version} goes live without ${missing.join(', ')}, which it was to wait for`];
}
