import { type Checked, type Issue, issuesOf, ok, refused } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { formatPublicKey, publicKeyIdOf, signingKeyIdOf } from '../../protocol/minisign.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { keyIdsOf } from './previous-release.ts';
import { type Visibility, visibilityOfExisting } from './visibility.ts';

/** Files that are to be added to a release that exists. */
export interface Addition {
  readonly request: Pick<
    ReleaseRequest,
    'version' | 'channel' | 'draft' | 'expect' | 'embeddedKey' | 'requires'
  >;
  readonly artifacts: readonly LocalArtifact[];
  /** Those of them that the release does not have yet. */
  readonly uploads: readonly LocalArtifact[];
}

type ServerExtensions = Pick<ServerState, 'extensions' | 'approval'>;

const NEW_VERSION = 'Publish it as a new version.';

/** How files that are added to an existing release go live, or every reason why they must not be added. Pure. */
export function checkExistingRelease(
  existing: ReleaseResponse,
  addition: Addition,
  server: ServerExtensions,
): Checked<Visibility> {
  const visibility = visibilityOfExisting(existing, addition.request, server);
  const issues = [
    ...issuesOf(visibility),
    ...contentIssues(existing, addition, server),
    ...(visibility.kind === 'ok' ? draftIssues(existing, addition, visibility.value) : []),
  ];
  return visibility.kind === 'ok' && issues.length === 0 ? ok(visibility.value) : refused(...issues);
}

/** Why files cannot be added to an existing release, whenever it goes live. */
function contentIssues(
  existing: ReleaseResponse,
  { request, artifacts }: Addition,
  server: ServerExtensions,
): Issue[] {
  const { version, channel = STABLE } = request;
  if (existing.version !== version) {
    const message = `${existing.version} already exists, and ${version} counts as the same version (build metadata is ignored)`;
    return [{ id: 'release.exists', code: 'conflict', message, hint: NEW_VERSION }];
  }
  if (
    !supports(server, 'artifact-signature') &&
    typeof existing.signature === 'string' &&
    artifacts.some(({ signature }) => signature !== existing.signature)
  ) {
    const message = `${version} already exists with a different signature`;
    return [{ id: 'release.other_signature', code: 'conflict', message, hint: NEW_VERSION }];
  }
  if (existing.channel !== undefined && existing.channel !== channel) {
    const message = `${version} already exists in the channel ${existing.channel}, not in ${channel}`;
    const hint = `Pass --channel ${existing.channel}, or publish a new version.`;
    return [{ id: 'release.other_channel', code: 'conflict', message, hint }];
  }
  return otherRoutingIssues(existing, { request, artifacts });
}

/** Extension `key-routing`: what is wanted of a release that exists, and it is not. */
export function otherRoutingIssues(
  existing: ReleaseResponse,
  wanted: Pick<Addition, 'request' | 'artifacts'>,
): Issue[] {
  return [...otherKeyIssues(existing, wanted), ...otherRequiresIssues(existing, wanted.request)];
}

/** A release has one signing key, and one that its builds carry. */
function otherKeyIssues(
  existing: ReleaseResponse,
  { request, artifacts }: Pick<Addition, 'request' | 'artifacts'>,
): Issue[] {
  const { version, status, embedded_pubkey: carried } = existing;
  const hint =
    status === 'draft'
      ? 'Build and sign all files of a release with the same keys, or delete the draft and publish all of it again.'
      : 'Build and sign it with the same keys, or publish it as a new version.';
  const conflict = (has: string, given: string): Issue => {
    const message = `${version} already exists, ${has}, not ${given}`;
    return { id: 'release.other_keys', code: 'conflict', message, hint };
  };
  const signing = keyIdsOf({ ...existing, signature: null });
  const given = artifacts.map(({ signature }) => signingKeyIdOf(signature));
  const others = new Set(given.filter((id) => id !== undefined && !signing.has(id)));
  const embedded = request.embeddedKey && formatPublicKey(request.embeddedKey);
  return [
    ...(signing.size > 0 && others.size > 0
      ? [conflict(`signed with key ${[...signing].join(', ')}`, `with ${[...others].join(', ')}`)]
      : []),
    ...(typeof carried === 'string' && embedded !== undefined && carried !== embedded
      ? [conflict(`and its build carries key ${publicKeyIdOf(carried)}`, publicKeyIdOf(embedded) ?? '')]
      : []),
  ];
}

/** Without `--requires` the release's own applies. */
function otherRequiresIssues(
  { version, requires: existing }: ReleaseResponse,
  { requires }: Pick<ReleaseRequest, 'requires'>,
): Issue[] {
  if (requires === undefined || requires === existing) return [];
  const has = existing ? `requires ${existing}` : 'requires no version';
  const message = `${version} already exists and ${has}, not ${requires}`;
  const hint = existing ? `Pass --requires ${existing}, or publish a new version.` : NEW_VERSION;
  return [{ id: 'release.other_requires', code: 'conflict', message, hint }];
}

/** What is uploaded to a live release is offered at once, so `--draft` could not be kept. */
function draftIssues(
  { version }: ReleaseResponse,
  { request, uploads }: Addition,
  visibility: Visibility,
): Issue[] {
  if (uploads.length === 0 || !request.draft || visibility !== 'at_once') return [];
  const message = `${version} is already live and cannot become a draft`;
  return [{ id: 'release.live', code: 'conflict', message, hint: NEW_VERSION }];
}
