import { type Checked, collect, type Issue, issuesOf, ok, refused } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import {
  CreateReleaseRequest,
  type ReleaseResponse,
  type UpdateReleaseRequest,
} from '../../protocol/messages.ts';
import { formatKeyId } from '../../protocol/minisign.ts';
import { fieldErrors } from '../../protocol/validate.ts';
import {
  compareVersions,
  isPrerelease,
  isVersion,
  VERSION_RULE,
  whyNoVersion,
} from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { mergedFiles, recordedKindsOf, signedFilesOf } from '../server-state/app-files.ts';
import { findRelease } from '../server-state/find-release.ts';
import { listedFiles } from '../server-state/published-file.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { chooseSlug } from './choose-slug.ts';
import { checkExistingRelease } from './existing-release.ts';
import { planWarnings } from './plan-warnings.ts';
import { markClosed, onlyByTypeWarnings, type PlannedArtifact, planArtifact } from './planned-artifact.ts';
import { orderIssues } from './previous-release.ts';
import { notesSizeIssues, notesToFill } from './release-notes.ts';
import { deletedKeyIssues, deletedKeyOf, plannedRouting, routingChange, routingOfNew } from './routing.ts';
import { signingKeyIssues, signingKeyOf } from './signing-key.ts';
import { strandingIssues } from './stranding.ts';
import { scopeIssues } from './token-scopes.ts';
import { approvalIssues, missingExtensionIssues, type Visibility, visibilityOfNew } from './visibility.ts';

/** The release that is published into. */
export type PlannedRelease =
  | { readonly kind: 'existing'; readonly existing: ReleaseResponse }
  | { readonly kind: 'new'; readonly body: CreateReleaseRequest };

export interface Plan {
  /** To be registered first. */
  readonly newSlug: string | undefined;
  /** Where installed apps ask; undefined when it is unknown. */
  readonly slug: string | undefined;
  readonly release: PlannedRelease;
  /** For a draft that has none yet. */
  readonly newNotes: string | undefined;
  readonly visibility: Visibility;
  readonly artifacts: readonly PlannedArtifact[];
  /** Of an existing release, before its files are uploaded. */
  readonly releaseChange: UpdateReleaseRequest | undefined;
  readonly warnings: readonly string[];
}

/** The issues with a request that need no knowledge of the server. */
export function requestIssues(request: ReleaseRequest): Issue[] {
  const { version, allowPrerelease, channel = STABLE } = request;
  if (!isVersion(version)) {
    const message = `${version} is not a valid version: it ${whyNoVersion(version)}`;
    const hint = `Use ${VERSION_RULE}.`;
    return [{ id: 'release.invalid_version', code: 'preflight_refused', message, hint }];
  }
  return [...prereleaseIssues({ version, channel, allowPrerelease }), ...requiresIssues(request)];
}

/** A pre-release that everyone would be offered. */
export function prereleaseIssues({
  version,
  channel,
  allowPrerelease,
}: Pick<ReleaseRequest, 'version' | 'allowPrerelease'> & { readonly channel: string }): Issue[] {
  if (!isPrerelease(version) || channel !== STABLE || allowPrerelease) return [];
  const message = `${version} is a pre-release and would be offered to everyone`;
  const hint = 'Publish it to a channel with --channel, or pass --allow-prerelease to offer it to everyone.';
  return [{ id: 'release.prerelease', code: 'preflight_refused', message, hint }];
}

function requiresIssues({ version, requires }: ReleaseRequest): Issue[] {
  if (requires === undefined || (isVersion(requires) && compareVersions(requires, version) < 0)) return [];
  const message = isVersion(requires)
    ? `${version} cannot require ${requires}, which is not lower`
    : `the required version ${requires} is not a valid version: it ${whyNoVersion(requires)}`;
  const hint = 'Give --requires the lowest version that may be updated to this one, in strict semver.';
  return [{ id: 'release.invalid_requires', code: 'usage', message, hint }];
}

/** Decides everything a publish will do, or finds every reason why it must not. Pure. */
export function plan(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): Checked<Plan> {
  const existing = findRelease(server.releases, request.version);
  const recorded = supports(server, 'close') ? recordedKindsOf(request.version, server) : new Map();
  const planned = collect(
    artifacts.map((artifact) => planArtifact(artifact, { existing, run: request.run, recorded }, server)),
  );
  const sent = planned.values.filter(({ action }) => action === 'upload');
  const uploads = sent.filter(({ repairs }) => !repairs); // a repair changes nothing about the release
  const body = releaseBody(request, artifacts, server);
  const visibility = existing
    ? checkExistingRelease(existing, { request, artifacts, uploads }, server)
    : ok(visibilityOfNew(request, server));
  const newNotes = existing && notesToFill(existing, request, server);
  const chosen = chooseSlug(request, server);
  const slug = chosen.kind === 'ok' ? chosen.value : undefined;
  const newSlug = slug === server.slug ? undefined : slug;
  const goesLive = visibility.kind === 'ok' ? visibility.value : undefined;
  const isOffered = goesLive === 'at_once' && uploads.length > 0;
  const releaseChange = existing && routingChange(existing, { request, isOffered }, server);
  const writes = {
    channel: request.channel ?? STABLE,
    slug:
      newSlug === undefined ? undefined : server.slug === null ? ('first' as const) : ('another' as const),
    upload:
      existing === undefined || sent.length > 0 || newNotes !== undefined || releaseChange !== undefined,
    goLive:
      isOffered ||
      goesLive === 'on_request' ||
      (goesLive === 'when_expected' && !server.approval && (existing === undefined || uploads.length > 0)) ||
      (existing === undefined && body.allow_stranding === true),
    rollBack: existing === undefined && request.rollbackOnFailure === true,
  };
  const others = existing === undefined ? [] : listedFiles(existing);
  const closed = supports(server, 'close')
    ? markClosed(planned.values, { recorded, others, atOnce: goesLive === 'at_once' })
    : planned.values;
  const issues = [
    ...missingExtensionIssues(request, artifacts, server),
    ...notesSizeIssues(existing === undefined ? body : { notes: newNotes }, request, server),
    ...(existing ? [] : [...bodyIssues(body, server), ...deletedKeyIssues(request, server)]),
    ...scopeIssues(writes, server),
    ...approvalIssues(request.version, isOffered, server),
    ...signatureIssues(artifacts, server),
    ...issuesOf(visibility),
    ...(existing && existing.status !== 'draft' ? [] : orderIssues(request, server.releases)),
    ...keyIssues(request, { artifacts, uploads, visibility }, server),
    ...planned.issues,
    ...issuesOf(chosen),
    ...(server.slug === null && chosen.kind === 'ok' && newSlug === undefined ? [noSlugIssue()] : []),
  ];
  if (visibility.kind === 'refused' || issues.length > 0) return refused(...issues);
  return ok({
    newSlug,
    slug: slug ?? server.slug ?? undefined,
    release: existing ? { kind: 'existing', existing } : { kind: 'new', body },
    newNotes,
    visibility: visibility.value,
    artifacts: closed,
    releaseChange,
    warnings: [...planWarnings(request, artifacts, server), ...onlyByTypeWarnings(request.version, closed)],
  });
}

interface PlannedUploads {
  readonly artifacts: readonly LocalArtifact[];
  /** Those of them that the server does not have yet. */
  readonly uploads: readonly LocalArtifact[];
  readonly visibility: Checked<Visibility>;
}

/** What is wrong with the key of the files, or else with the way that it leaves to installed apps. */
function keyIssues(
  request: ReleaseRequest,
  { artifacts, uploads, visibility }: PlannedUploads,
  server: ServerState,
): readonly Issue[] {
  const issues = signingKeyIssues(request, artifacts, server);
  // Our server checks again what goes live later.
  const later = visibility.kind === 'ok' && visibility.value === 'later' && supports(server, 'key-routing');
  if (visibility.kind === 'refused' || later) return issues;
  if (issues.length > 0 || request.allowStranding) return issues;
  if (!isSignedAsGiven(request, artifacts) || requiresIssues(request).length > 0) return [];
  const existing = findRelease(server.releases, request.version);
  const inDraft = existing?.status === 'draft' ? signedFilesOf(existing) : [];
  const files = mergedFiles(uploads, inDraft);
  if (files.length === 0) return [];
  const known = existing ?? { embedded_pubkey: deletedKeyOf(request, server) ?? null };
  return strandingIssues({ ...plannedRouting(request, known), files }, server);
}

/** Otherwise the signatures do not verify, which says it all. */
function isSignedAsGiven({ publicKey }: ReleaseRequest, artifacts: readonly LocalArtifact[]): boolean {
  const signing = signingKeyOf(artifacts);
  return publicKey === undefined || signing === undefined || formatKeyId(publicKey.keyId) === signing;
}

/** api.md, "Create a Release": a base server gets all documented fields; ours gets each file's signature later. */
function releaseBody(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): CreateReleaseRequest {
  const { version, notes, channel, expect } = request;
  if (supports(server, 'artifact-signature')) {
    const visibility = visibilityOfNew(request, server);
    return {
      version,
      ...(notes !== undefined && { notes }),
      ...(channel !== undefined && { channel }),
      ...(visibility === 'when_expected' && { expect: [...(expect ?? [])] }),
      ...((visibility === 'on_request' || visibility === 'later') && { draft: true }),
      ...(supports(server, 'key-routing') && routingOfNew(request, artifacts)),
      ...(request.rollout !== undefined && { rollout: request.rollout }),
      ...(request.mandatory && { mandatory: true }),
      ...(request.minimumSystem && { minimum_system_version: request.minimumSystem }),
    };
  }
  return { version, notes: notes ?? '', signature: artifacts[0]?.signature ?? '' };
}

/** Our server checks requests by the same schema. */
function bodyIssues(body: CreateReleaseRequest, server: ServerState): Issue[] {
  if (!supports(server, 'artifact-signature')) return [];
  const errors = fieldErrors(CreateReleaseRequest, body).map(({ field, message }) => `${field} ${message}`);
  if (errors.length === 0) return [];
  const message = `the server would refuse the release: ${errors.join('; ')}`;
  return [{ id: 'release.unacceptable', code: 'preflight_refused', message, hint: 'Correct it.' }];
}

/** A single signature for a release would make all platforms but one unverifiable, forever. */
function signatureIssues(artifacts: readonly LocalArtifact[], server: ServerState): Issue[] {
  const distinct = new Set(artifacts.map(({ signature }) => signature)).size;
  if (supports(server, 'artifact-signature') || distinct < 2) return [];
  const message =
    `this server stores one signature per release, but the ${artifacts.length} files have ${distinct}: ` +
    'users of all platforms but one could never verify an update';
  const hint = 'Use a server with the extension artifact-signature, or publish a single platform.';
  return [{ id: 'server.one_signature', code: 'preflight_refused', message, hint }];
}

function noSlugIssue(): Issue {
  const message = 'the app has no slug yet, so installed apps cannot check for updates';
  return { id: 'app.no_slug', code: 'usage', message, hint: 'Pass --slug with the one you want.' };
}
