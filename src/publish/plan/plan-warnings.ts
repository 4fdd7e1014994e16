import type { ReleaseResponse } from '../../protocol/messages.ts';
import { missingNames, platformName } from '../../protocol/platform.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { findRelease } from '../server-state/find-release.ts';
import { type ServerState, storedPlatforms } from '../server-state/server-state.ts';
import { highestLive } from './previous-release.ts';

/** What a publish may do, and a person should know. */
export function planWarnings(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): string[] {
  const existing = findRelease(server.releases, request.version);
  const platforms = [...artifacts, ...storedPlatforms(server.stored)];
  return [
    ...slugWarnings(request, server),
    ...keptSignatureWarnings(artifacts, server),
    ...(existing ? existingWarnings(request, existing, missingNames(request.expect ?? [], platforms)) : []),
    ...versionWarnings(request, server),
  ];
}

function slugWarnings({ slug }: ReleaseRequest, server: ServerState): string[] {
  if (slug === undefined || typeof server.slug !== 'string' || server.slug === slug) return [];
  return [`the app's slug changes from ${server.slug} to ${slug}; the old one keeps working`];
}

function keptSignatureWarnings(artifacts: readonly LocalArtifact[], { stored }: ServerState): string[] {
  return artifacts.flatMap((artifact) => {
    const name = platformName(artifact);
    const same = stored.get(name)?.sha256 === artifact.sha256;
    const kept = stored.get(name)?.signature;
    if (!same || kept === undefined || kept === artifact.signature) return [];
    return [`${name} keeps the signature it was first published with, not this .sig`];
  });
}

/** @param missing expected platforms that the release will not have */
function existingWarnings(
  { version, notes }: ReleaseRequest,
  existing: ReleaseResponse,
  missing: readonly string[],
): string[] {
  const warnings: string[] = [];
  if (notes !== undefined && (existing.notes ?? '') !== notes) {
    warnings.push(`the notes of ${version} stay as they were first published`);
  }
  // Live all the same, because some job did not say which platforms to wait for.
  if (existing.status !== 'draft' && missing.length > 0) {
    warnings.push(`${version} is already live without ${missing.join(', ')}`);
  }
  return warnings;
}

function versionWarnings(request: ReleaseRequest, { releases }: ServerState): string[] {
  const { version } = request;
  const warnings: string[] = [];
  if (version.includes('+')) {
    warnings.push(
      `${version} counts as the same version as ${precedenceOf(version)}: build metadata is ignored`,
    );
  }
  const higher = highestLive(releases, request);
  if (higher !== undefined && compareVersions(higher.version, version) > 0) {
    warnings.push(
      `${higher.version} is live and higher, so ${version} is offered only on platforms that ${higher.version} has no file for`,
    );
  }
  return warnings;
}
