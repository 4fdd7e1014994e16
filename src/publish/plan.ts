import {
  type CreateArtifactBody,
  type CreateReleaseBody,
  MAX_JSON_BODY_BYTES,
  type ReleaseAnswer,
} from '../protocol/messages.ts';
import { platformName } from '../protocol/platform.ts';
import { compareVersions, isPrerelease, isVersion, precedenceOf } from '../protocol/version.ts';
import type { Fault } from './fault.ts';
import { findRelease } from './find-release.ts';
import type { LocalArtifact } from './local-artifact.ts';

/** What is to be published, before anything is known of the server. */
export interface ReleaseRequest {
  readonly version: string;
  readonly notes?: string | undefined;
  /** To be registered for the app; left as it is when absent. */
  readonly slug?: string | undefined;
  readonly allowPrerelease: boolean;
}

/** An artifact as the server has it. */
export interface StoredArtifact {
  readonly sha256: string;
  /** Undefined where the server does not say. */
  readonly signature?: string | undefined;
}

/** What the server was found to be and to have. */
export interface ServerView {
  /** Whether it takes a signature for each file; a base server holds one for each release. */
  readonly artifactSignatures: boolean;
  /** The app's slug; null when it has none, undefined when the server does not say. */
  readonly slug: string | null | undefined;
  /** The app's public key, where the server has one. */
  readonly pubkey?: string | undefined;
  readonly releases: readonly ReleaseAnswer[];
  /** What it stores for the version that is published, by platform name. */
  readonly stored: ReadonlyMap<string, StoredArtifact>;
}

export interface PlannedArtifact extends LocalArtifact {
  readonly action: 'upload' | 'skip';
  /** What a check has to answer for it. */
  readonly servedSignature: string;
  /** api.md, "Upload Artifacts": the request. */
  readonly body: CreateArtifactBody;
}

export interface Plan {
  /** To be registered first. */
  readonly newSlug: string | undefined;
  /** Where installed apps ask; undefined when nobody knows. */
  readonly slug: string | undefined;
  readonly release: { readonly existing: ReleaseAnswer } | { readonly create: CreateReleaseBody };
  readonly artifacts: readonly PlannedArtifact[];
  readonly warnings: readonly string[];
}

/** What can be told to be wrong before anything is known of the server. */
export function requestFaults(request: ReleaseRequest): Fault[] {
  const { version, allowPrerelease } = request;
  const faults: Fault[] = [];
  if (!isVersion(version)) {
    const hint = 'Use strict semver: X.Y.Z, optionally with -pre-release and +build, at most 64 characters.';
    faults.push({ code: 'preflight_refused', message: `${version} is not a version`, hint });
  } else if (isPrerelease(version) && !allowPrerelease) {
    const message = `${version} is a pre-release, and would be offered to everyone`;
    faults.push({ code: 'preflight_refused', message, hint: 'Pass --allow-prerelease if that is meant.' });
  }
  return faults;
}

/** Decides everything a publish will do, or every reason why it must not. Pure. */
export function plan(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerView,
): { readonly plan: Plan } | { readonly faults: readonly Fault[] } {
  const existing = findRelease(server.releases, request.version);
  const planned = artifacts.map((artifact) => planArtifact(artifact, server));
  const create = releaseBody(request, artifacts, server);
  const faults = [
    ...(existing ? [] : sizeFaults(create, server)),
    ...signatureFaults(artifacts, server),
    ...(existing ? existingReleaseFaults(existing, request.version, artifacts, server) : []),
    ...planned.filter((artifact): artifact is Fault => !('action' in artifact)),
  ];
  const newSlug = request.slug === server.slug ? undefined : request.slug;
  const slug = request.slug ?? server.slug ?? undefined;
  if (server.slug === null && newSlug === undefined) {
    const message = 'the app has no slug yet, so nobody could ask for its updates';
    faults.push({ code: 'usage', message, hint: 'Pass --slug with the one you want.' });
  }
  if (faults.length > 0) return { faults };
  return {
    plan: {
      newSlug,
      slug,
      release: existing ? { existing } : { create },
      artifacts: planned.filter((artifact) => 'action' in artifact),
      warnings: warningsOf(request, existing, artifacts, server),
    },
  };
}

/** api.md, "Create a Release": to a base server all documented fields go, to ours each file's own signature later. */
function releaseBody(
  { version, notes }: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerView,
): CreateReleaseBody {
  if (server.artifactSignatures) return { version, ...(notes !== undefined && { notes }) };
  return { version, notes: notes ?? '', signature: artifacts[0]?.signature ?? '' };
}

/** What is to be done with one file, given what the server stores for its platform. */
export function planArtifact(artifact: LocalArtifact, server: ServerView): PlannedArtifact | Fault {
  const { target, arch, size: file_size, sha256, signature } = artifact;
  const body = { target, arch, file_size, ...(server.artifactSignatures && { sha256, signature }) };
  const stored = server.stored.get(platformName(artifact));
  if (stored === undefined) return { ...artifact, action: 'upload', servedSignature: signature, body };
  if (stored.sha256 !== sha256) {
    const message = `${platformName(artifact)} is already published with other bytes (SHA-256 ${stored.sha256})`;
    return {
      code: 'conflict',
      message,
      hint: 'Published bytes never change: publish them as a new version.',
    };
  }
  return { ...artifact, action: 'skip', servedSignature: stored.signature ?? signature, body };
}

/** Our server's limit is known before anything is written. */
function sizeFaults(body: CreateReleaseBody, server: ServerView): Fault[] {
  const size = Buffer.byteLength(JSON.stringify(body));
  if (!server.artifactSignatures || size <= MAX_JSON_BODY_BYTES) return [];
  const message = `the notes are too long: a release may have ${MAX_JSON_BODY_BYTES} bytes, this one has ${size}`;
  return [{ code: 'preflight_refused', message, hint: 'Shorten them, or link to a page that has them all.' }];
}

/** One signature for a release makes every platform but one unverifiable, for ever. */
export function signatureFaults(artifacts: readonly LocalArtifact[], server: ServerView): Fault[] {
  const distinct = new Set(artifacts.map(({ signature }) => signature)).size;
  if (server.artifactSignatures || distinct < 2) return [];
  const message =
    `this server holds one signature for a release, but the ${artifacts.length} files have ${distinct}: ` +
    `users of all but one would never be able to verify an update`;
  const hint = 'Use a server with the extension artifact-signature, or publish a single platform.';
  return [{ code: 'preflight_refused', message, hint }];
}

/** Why files cannot be added to a release that is there. */
export function existingReleaseFaults(
  existing: ReleaseAnswer,
  version: string,
  artifacts: readonly LocalArtifact[],
  server: ServerView,
): Fault[] {
  if (existing.status === 'yanked') {
    const hint = 'Restore it with `releases restore`, or publish a new version.';
    return [{ code: 'conflict', message: `${existing.version} is yanked`, hint }];
  }
  if (existing.status === 'draft') {
    const hint = 'Publish or delete the draft first.';
    return [{ code: 'conflict', message: `${existing.version} is a draft, which nobody is offered`, hint }];
  }
  const hint = 'Publish it as a new version.';
  if (existing.version !== version) {
    const message = `${existing.version} exists, and build metadata does not make ${version} another version`;
    return [{ code: 'conflict', message, hint }];
  }
  if (
    !server.artifactSignatures &&
    typeof existing.signature === 'string' &&
    artifacts.some(({ signature }) => signature !== existing.signature)
  ) {
    return [{ code: 'conflict', message: `${version} exists with another signature`, hint }];
  }
  return [];
}

function warningsOf(
  { version, notes, slug }: ReleaseRequest,
  existing: ReleaseAnswer | undefined,
  artifacts: readonly LocalArtifact[],
  server: ServerView,
): string[] {
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
  if (version.includes('+')) {
    warnings.push(`build metadata is not compared: ${version} updates nobody on ${precedenceOf(version)}`);
  }
  const higher = server.releases.find(
    (release) => isVersion(release.version) && compareVersions(release.version, version) > 0,
  );
  if (higher)
    warnings.push(
      `${higher.version} is already there and higher, so ${version} is offered only where that has no file`,
    );
  return warnings;
}
