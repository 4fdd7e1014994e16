import type { ReleaseResponse } from '../../protocol/messages.ts';
import { describeKey, formatKeyId, type PublicKey } from '../../protocol/minisign.ts';
import { missingNames, platformName } from '../../protocol/platform.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { otherBuildHint } from '../known-keys.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { findRelease } from '../server-state/find-release.ts';
import { type ServerState, storedPlatforms, supports } from '../server-state/server-state.ts';
import { highestLive } from './previous-release.ts';
import { keptNotesWarning, notesToFill } from './release-notes.ts';
import { signingKeyOf } from './signing-key.ts';

/** What a publish may do, and a person should know. */
export function planWarnings(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): string[] {
  const existing = findRelease(server.releases, request.version);
  const platforms = [...artifacts, ...storedPlatforms(server.stored)];
  return [
    ...keptRolloutWarnings(request, server),
    ...keptPolicyWarnings(request, server),
    ...slugWarnings(request, server),
    ...keptSignatureWarnings(artifacts, server),
    ...(existing
      ? existingWarnings(request, existing, {
          missing: missingNames(request.expect ?? [], platforms),
          fillsNotes: notesToFill(existing, request, server) !== undefined,
        })
      : []),
    ...versionWarnings(request, server),
    ...handoverWarnings(request, artifacts, server),
  ];
}

/** What comes after a release that hands over to another key. */
function handoverWarnings(
  { version, embeddedKey }: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): string[] {
  const from = signingKeyOf(artifacts);
  return from === undefined || embeddedKey === undefined
    ? []
    : handoverWarning({ version, from, embeddedKey }, server);
}

export interface Handover {
  readonly version: string;
  /** The id of the key that the files are signed with. */
  readonly from: string;
  /** The key that the build carries. */
  readonly embeddedKey: PublicKey;
}

/** Empty where both are the same key. */
export function handoverWarning(
  { version, from, embeddedKey }: Handover,
  server: Pick<ServerState, 'extensions'>,
): string[] {
  const to = formatKeyId(embeddedKey.keyId);
  if (from === to) return [];
  const next = supports(server, 'key-routing')
    ? `sign the next release with ${to}; apps that have not installed ${version} are led over it`
    : `sign the next release with ${to}, once all apps have installed ${version}: this server cannot lead the others over it`;
  return [
    `${version} hands over from key ${from} to key ${describeKey(embeddedKey)}, which its build carries: ${next}.${otherBuildHint(embeddedKey)}`,
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

interface ExistingOptions {
  /** Expected platforms that the release will not have. */
  readonly missing: readonly string[];
  readonly fillsNotes: boolean;
}

function existingWarnings(
  { version, notes }: ReleaseRequest,
  existing: ReleaseResponse,
  { missing, fillsNotes }: ExistingOptions,
): string[] {
  const warnings: string[] = [];
  if (notes !== undefined && (existing.notes ?? '') !== notes && !fillsNotes) {
    warnings.push(keptNotesWarning(version));
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
      `${higher.version} is live and higher, so ${version} is offered only to apps that cannot take ${higher.version}: it has no file for them, or they have to be led over another release first`,
    );
  }
  return warnings;
}

/** Extension `policy`: a release that exists stays as it is. */
function keptPolicyWarnings(request: ReleaseRequest, server: ServerState): string[] {
  const { version, mandatory = false, minimumSystem = {} } = request;
  const existing = findRelease(server.releases, version);
  if (existing === undefined) return [];
  const system = existing.minimum_system_version ?? {};
  const isKept = Object.entries(minimumSystem).some(([target, lowest]) => system[target] !== lowest);
  if (!isKept && (!mandatory || existing.mandatory)) return [];
  const how = `\`releases edit ${version}\` changes that`;
  return [`${version} exists: --mandatory and --minimum-system-version are not applied; ${how}`];
}

/** Extension `rollout`: a release that exists for everyone stays so. */
function keptRolloutWarnings({ version, rollout }: ReleaseRequest, server: ServerState): string[] {
  const existing = findRelease(server.releases, version);
  if (rollout === undefined || existing === undefined || existing.rollout != null) return [];
  const how = `\`releases rollout ${version}\` changes that`;
  return [`${version} exists, and is for everyone: --rollout, --over and --at are not applied; ${how}`];
}
