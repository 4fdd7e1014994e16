import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import {
  type CreateReleaseRequest,
  MAX_JSON_BODY_BYTES,
  type ReleaseResponse,
} from '../../protocol/messages.ts';
import { missingNames, platformName } from '../../protocol/platform.ts';
import { compareVersions, isPrerelease, isVersion, precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { findRelease } from '../server-state/find-release.ts';
import { type ServerState, storedPlatforms, supports } from '../server-state/server-state.ts';
import { joinRelease } from './existing-release.ts';
import { type PlannedArtifact, planArtifact } from './planned-artifact.ts';
import { highestLive, keyChangeIssues, orderIssues } from './previous-release.ts';
import { missingExtensionIssues, type Visibility, visibilityOfNew } from './visibility.ts';

export interface Plan {
  /** To be registered first. */
  readonly newSlug: string | undefined;
  /** Where installed apps ask; undefined when nobody knows. */
  readonly slug: string | undefined;
  readonly release: { readonly existing: ReleaseResponse } | { readonly create: CreateReleaseRequest };
  readonly visibility: Visibility;
  readonly artifacts: readonly PlannedArtifact[];
  readonly warnings: readonly string[];
}

/** What can be told to be wrong before anything is known of the server. */
export function requestIssues(request: ReleaseRequest): Issue[] {
  const { version, allowPrerelease, channel = STABLE } = request;
  const issues: Issue[] = [];
  if (!isVersion(version)) {
    const hint = 'Use strict semver: X.Y.Z, optionally with -pre-release and +build, at most 64 characters.';
    issues.push({
      id: 'release.invalid_version',
      code: 'preflight_refused',
      message: `${version} is not a version`,
      hint,
    });
  } else if (isPrerelease(version) && channel === STABLE && !allowPrerelease) {
    const message = `${version} is a pre-release, and would be offered to everyone`;
    const hint = 'Give it a channel with --channel, or pass --allow-prerelease if that is meant.';
    issues.push({ id: 'release.prerelease', code: 'preflight_refused', message, hint });
  }
  return issues;
}

/** Decides everything a publish will do, or every reason why it must not. Pure. */
export function plan(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): { readonly plan: Plan } | { readonly issues: readonly Issue[] } {
  const existing = findRelease(server.releases, request.version);
  const planned = artifacts.map((artifact) => planArtifact(artifact, existing, server));
  const uploads = planned.filter(
    (artifact): artifact is PlannedArtifact => 'action' in artifact && artifact.action === 'upload',
  );
  const create = releaseBody(request, artifacts, server);
  const visibility = existing
    ? joinRelease(existing, request, { all: artifacts, uploads }, server)
    : visibilityOfNew(request, server);
  const issues = [
    ...missingExtensionIssues(request, artifacts, server),
    ...(existing ? [] : sizeIssues(create, server)),
    ...signatureIssues(artifacts, server),
    ...(typeof visibility === 'string' ? [] : visibility.issues),
    ...(existing && existing.status !== 'draft' ? [] : orderIssues(request, server.releases)),
    ...keyChangeIssues(request, uploads, server.releases),
    ...planned.filter((artifact): artifact is Issue => !('action' in artifact)),
  ];
  const newSlug = request.slug === server.slug ? undefined : request.slug;
  const slug = request.slug ?? server.slug ?? undefined;
  if (server.slug === null && newSlug === undefined) {
    const message = 'the app has no slug yet, so nobody could ask for its updates';
    issues.push({ id: 'app.no_slug', code: 'usage', message, hint: 'Pass --slug with the one you want.' });
  }
  if (issues.length > 0 || typeof visibility !== 'string') return { issues };
  return {
    plan: {
      newSlug,
      slug,
      release: existing ? { existing } : { create },
      visibility,
      artifacts: planned.filter((artifact) => 'action' in artifact),
      warnings: warningsOf(request, existing, artifacts, server),
    },
  };
}

/** api.md, "Create a Release": to a base server all documented fields go, to ours each file's own signature later. */
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
    };
  }
  return { version, notes: notes ?? '', signature: artifacts[0]?.signature ?? '' };
}

/** Our server's limit is known before anything is written. */
function sizeIssues(body: CreateReleaseRequest, server: ServerState): Issue[] {
  const size = Buffer.byteLength(JSON.stringify(body));
  if (!supports(server, 'artifact-signature') || size <= MAX_JSON_BODY_BYTES) return [];
  const message = `the notes are too long: a release may have ${MAX_JSON_BODY_BYTES} bytes, this one has ${size}`;
  const hint = 'Shorten them, or link to a page that has them all.';
  return [{ id: 'release.notes_too_long', code: 'preflight_refused', message, hint }];
}

/** One signature for a release makes every platform but one unverifiable, for ever. */
export function signatureIssues(artifacts: readonly LocalArtifact[], server: ServerState): Issue[] {
  const distinct = new Set(artifacts.map(({ signature }) => signature)).size;
  if (supports(server, 'artifact-signature') || distinct < 2) return [];
  const message =
    `this server holds one signature for a release, but the ${artifacts.length} files have ${distinct}: ` +
    `users of all but one would never be able to verify an update`;
  const hint = 'Use a server with the extension artifact-signature, or publish a single platform.';
  return [{ id: 'server.one_signature', code: 'preflight_refused', message, hint }];
}

/** What is expected of a release that is live all the same: some job did not say what it was to wait for. */
function absentFromLive(
  { expect = [] }: ReleaseRequest,
  existing: ReleaseResponse | undefined,
  artifacts: readonly LocalArtifact[],
  { stored }: ServerState,
): string[] {
  if (existing === undefined || existing.status === 'draft') return [];
  return missingNames(expect, [...artifacts, ...storedPlatforms(stored)]);
}

function warningsOf(
  request: ReleaseRequest,
  existing: ReleaseResponse | undefined,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): string[] {
  const { version, notes, slug } = request;
  const warnings: string[] = [];
  if (slug !== undefined && typeof server.slug === 'string' && server.slug !== slug) {
    warnings.push(`the app's slug changes from ${server.slug} to ${slug}; the old one keeps answering`);
  }
  for (const artifact of artifacts) {
    const stored = server.stored.get(platformName(artifact))?.signature;
    if (stored === undefined || stored === artifact.signature) continue;
    warnings.push(`${platformName(artifact)} keeps the signature it was first published with, not this .sig`);
  }
  if (existing && notes !== undefined && (existing.notes ?? '') !== notes) {
    warnings.push(`the notes of ${version} stay as they were first published`);
  }
  const absent = absentFromLive(request, existing, artifacts, server);
  if (absent.length > 0) {
    warnings.push(`${version} is live already, without ${absent.join(', ')}: it waited for nobody`);
  }
  if (version.includes('+')) {
    warnings.push(`build metadata is not compared: ${version} updates nobody on ${precedenceOf(version)}`);
  }
  const higher = highestLive(server.releases, request);
  if (higher !== undefined && compareVersions(higher.version, version) > 0)
    warnings.push(
      `${higher.version} is already there and higher, so ${version} is offered only where that has no file`,
    );
  return warnings;
}
