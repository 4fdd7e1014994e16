import { type Checked, type Issue, type IssueId, ok, refused } from '../../issue.ts';
import type { Extension } from '../../protocol/extensions.ts';
import {
  DOCUMENTED_ARCHS,
  isCustomTarget,
  platformName,
  withoutBundleType,
} from '../../protocol/platform.ts';
import { chooseForPlatform, type LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';

/** The files that a server can store, and what becomes of the others. */
export interface Compatibility {
  readonly artifacts: readonly LocalArtifact[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
}

const ONLY_ARCHS = `this server supports only the archs ${DOCUMENTED_ARCHS.join(' and ')}`;

/**
 * Chooses the files for a server that stores one for each documented platform only (without the extension `platforms`):
 * of several bundle types the one that suits most apps. Files that do not fit are left out where they were discovered,
 * and refused where the user named them. Pure.
 */
export function checkServerCompatibility(
  artifacts: readonly LocalArtifact[],
  server: Pick<ServerState, 'extensions'>,
  { discovered = false }: { readonly discovered?: boolean },
): Compatibility {
  const unknown = artifacts.filter((artifact) => !hasKnownTarget(artifact, server));
  if (unknown.length > 0) return { artifacts, leftOut: [], issues: unknown.map(customTargetIssue) };
  if (supports(server, 'platforms')) return { artifacts, leftOut: [], issues: [] };
  const documented = artifacts.filter(hasDocumentedArch);
  const others = artifacts.filter((artifact) => !documented.includes(artifact));
  const { chosen, leftOut } = chooseForPlatform(documented, { bundleTypes: false, v1Compatible: false });
  if (discovered) {
    const unknown = others.map(({ file }) => ({ file, reason: ONLY_ARCHS, usual: false }));
    return { artifacts: chosen.map(withoutType), leftOut: [...leftOut, ...unknown], issues: [] };
  }
  const oneFile = (reason: string) => `this server stores one file per platform, and ${reason}`;
  return {
    artifacts: chosen.map(withoutType),
    leftOut: [],
    issues: [
      ...others.map(unknownArchIssue),
      ...leftOut.map(({ file, reason }) =>
        refusal('server.one_file', file, `${file} cannot be stored: ${oneFile(reason)}`),
      ),
    ],
  };
}

/** A single file that the user named, as the server can store it. Pure. */
export function checkStorable(
  artifact: LocalArtifact,
  server: Pick<ServerState, 'extensions'>,
): Checked<LocalArtifact> {
  if (!hasKnownTarget(artifact, server)) return refused(customTargetIssue(artifact));
  if (supports(server, 'platforms')) return ok(artifact);
  return hasDocumentedArch(artifact) ? ok(withoutType(artifact)) : refused(unknownArchIssue(artifact));
}

function hasKnownTarget({ target }: LocalArtifact, server: Pick<ServerState, 'extensions'>): boolean {
  return supports(server, 'custom-targets') || !isCustomTarget(target);
}

function hasDocumentedArch({ arch }: LocalArtifact): boolean {
  return DOCUMENTED_ARCHS.some((documented) => documented === arch);
}

function withoutType({ bundleType: _, ...artifact }: LocalArtifact): LocalArtifact {
  return { ...artifact, ...withoutBundleType(artifact) };
}

function unknownArchIssue(artifact: LocalArtifact): Issue {
  const message = `${platformName(artifact)} cannot be stored: ${ONLY_ARCHS}`;
  return refusal('server.unknown_arch', artifact.file, message);
}

function customTargetIssue(artifact: LocalArtifact): Issue {
  const message = `${platformName(artifact)} cannot be stored: this server knows no custom updater targets`;
  return refusal('server.custom_target', artifact.file, message);
}

function refusal(id: IssueId, file: string, message: string): Issue {
  const extension: Extension = id === 'server.custom_target' ? 'custom-targets' : 'platforms';
  const hint = `Use a server with the extension ${extension}, or leave it out.`;
  return { id, code: 'preflight_refused', message, hint, file };
}
