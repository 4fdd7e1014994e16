import type { Issue } from '../../issue.ts';
import { targetOfBundle } from '../../protocol/bundle/bundle-name.ts';
import type { TauriConfig } from '../project/tauri-config.ts';
import { unsignedIssue, unsignedKindIssue } from './bundle-issues.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { LeftOut } from './choose-bundles.ts';

export interface UnsignedRules {
  /** Whether a kind of bundle may be unsigned while another kind for its platform is signed. */
  readonly allowUnsignedKind: boolean;
}

export interface UnsignedBundles {
  readonly unsigned: readonly FoundBundle[];
  readonly signed: readonly FoundBundle[];
  readonly config: TauriConfig;
}

/**
 * Decides about bundles without a signature. Beside a signed one of their kind they are left out. Otherwise they are
 * an issue: their platform would be missing from the release, or their installations would be offered another kind.
 */
export function classifyUnsigned(
  { unsigned, signed, config }: UnsignedBundles,
  { allowUnsignedKind }: UnsignedRules,
): { readonly leftOut: readonly LeftOut[]; readonly issues: readonly Issue[] } {
  const platforms = new Set(signed.map(platformIn));
  const kinds = new Set(signed.map(kindIn));
  const covered = unsigned.filter((found) => kinds.has(kindIn(found)));
  const otherKind = unsigned.filter((found) => !kinds.has(kindIn(found)) && platforms.has(platformIn(found)));
  const alone = unsigned.filter((found) => !platforms.has(platformIn(found)));
  const isUsual = (found: FoundBundle) =>
    config.updaterArtifacts === 'v1Compatible' || hasArchive(found, signed);
  return {
    leftOut: [
      ...covered.map((found) => ({ file: found.file, reason: 'it has no .sig', usual: isUsual(found) })),
      ...(allowUnsignedKind ? otherKind : []).map(({ file }) => ({
        file,
        reason: 'it has no .sig, and apps installed from it are offered another kind of bundle',
        usual: false,
      })),
    ],
    issues: [
      ...(alone.length === 0 ? [] : [unsignedIssue(alone, config)]),
      ...(otherKind.length === 0 || allowUnsignedKind ? [] : [unsignedKindIssue(otherKind, config)]),
    ],
  };
}

/** For Tauri 1's updater only the archive of a bundle is signed. */
function hasArchive(found: FoundBundle, signed: readonly FoundBundle[]): boolean {
  return !found.name.archive && signed.some((other) => other.name.archive && kindIn(other) === kindIn(found));
}

function kindIn(found: FoundBundle): string {
  return `${platformIn(found)}-${found.name.kind}`;
}

/** The platform as far as it is in the name; a macOS app's name has none, so its folder stands for it. */
function platformIn({ name, bundleFolder }: FoundBundle): string {
  return `${targetOfBundle(name.kind)}-${name.arch ?? bundleFolder.folder}`;
}
