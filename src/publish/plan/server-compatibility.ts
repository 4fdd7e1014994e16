import type { Issue, IssueId } from '../../issue.ts';
import { DOCUMENTED_ARCHS, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { chooseForPlatform, type LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';

/** What of the files a server can hold. */
export interface Fitted {
  readonly artifacts: readonly LocalArtifact[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
}

/**
 * Fits files to a server that holds one for each of the documented platforms only (extension `platforms`): of several
 * kinds of bundle the one that suits most apps is taken. What was found by itself is left out where it does not fit;
 * what somebody named is refused. Pure.
 */
export function checkServerCompatibility(
  artifacts: readonly LocalArtifact[],
  server: Pick<ServerState, 'extensions'>,
  { discovered }: { readonly discovered: boolean },
): Fitted {
  if (supports(server, 'platforms')) return { artifacts, leftOut: [], issues: [] };
  const documented = artifacts.filter(({ arch }) => (DOCUMENTED_ARCHS as readonly string[]).includes(arch));
  const others = artifacts.filter((artifact) => !documented.includes(artifact));
  const { chosen, leftOut } = chooseForPlatform(documented, { bundleTypes: false, v1Compatible: false });
  const noArch = `this server knows the archs ${DOCUMENTED_ARCHS.join(' and ')} only`;
  if (discovered) {
    const unknown = others.map(({ file }) => ({ file, reason: noArch, usual: false }));
    return { artifacts: chosen.map(withoutKind), leftOut: [...leftOut, ...unknown], issues: [] };
  }
  return {
    artifacts: chosen.map(withoutKind),
    leftOut: [],
    issues: [
      ...others.map((artifact) =>
        refusal('server.unknown_arch', artifact.file, `${platformName(artifact)} has no place: ${noArch}`),
      ),
      ...leftOut.map(({ file, reason }) =>
        refusal(
          'server.one_file',
          file,
          `${file} has no place: this server holds one file for a platform, and ${reason}`,
        ),
      ),
    ],
  };
}

function withoutKind({ bundleType: _, ...artifact }: LocalArtifact): LocalArtifact {
  return { ...artifact, ...withoutBundleType(artifact) };
}

function refusal(id: IssueId, file: string, message: string): Issue {
  const hint = 'Use a server with the extension platforms, or leave it out.';
  return { id, code: 'preflight_refused', message, hint, file };
}
