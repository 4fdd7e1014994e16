import { basename } from 'node:path';
import { parseBundleName } from '../../protocol/bundle/bundle-name.ts';
import {
  BUNDLE_TYPES,
  type BundleType,
  type Platform,
  platformName,
  withoutBundleType,
} from '../../protocol/platform.ts';

interface PlatformFile extends Platform {
  readonly file: string;
}

/** A signed updater file and what it is for. A universal macOS app makes two of one file. */
export interface Candidate extends PlatformFile {
  readonly bundleType: BundleType;
}

/** Something that was found and is not published. */
export interface LeftOut {
  readonly file: string;
  readonly reason: string; // completes "… was left out: "
  /** Whether this is normal in a correct build, and so not worth a warning. */
  readonly usual: boolean;
}

export interface ChooseOptions {
  /** Whether the server has a file for each bundle type, or only one for each platform. */
  readonly bundleTypes: boolean;
  /** Whether to serve Tauri 1's updater too, which accepts archives only. */
  readonly v1Compatible: boolean;
}

/**
 * Chooses the file for each platform or bundle type: NSIS over MSI, AppImage over deb over rpm; an archive for Tauri
 * 1's updater if it is served, otherwise the bundle itself; an English MSI over other languages, as all can update it.
 */
export function chooseForPlatform<T extends PlatformFile>(
  candidates: readonly T[],
  options: ChooseOptions,
): { readonly chosen: readonly T[]; readonly leftOut: readonly LeftOut[] } {
  const best = new Map<string, T>();
  const sorted = [...candidates].sort((a, b) => compareRanks(rankOf(a, options), rankOf(b, options)));
  const leftOut: LeftOut[] = [];
  for (const candidate of sorted) {
    const place = platformName(options.bundleTypes ? candidate : withoutBundleType(candidate));
    const better = best.get(place);
    if (better === undefined) best.set(place, candidate);
    else {
      const reason = `${basename(better.file)} is published for ${place}`;
      leftOut.push({ file: candidate.file, reason, usual: true });
    }
  }
  return { chosen: [...best.values()], leftOut };
}

/** Lower is better; the first difference decides. */
function rankOf(
  { bundleType, file }: PlatformFile,
  { v1Compatible }: ChooseOptions,
): readonly (number | string)[] {
  const name = parseBundleName(basename(file));
  const archive = name?.archive ?? false;
  return [
    bundleType === undefined ? -1 : BUNDLE_TYPES.indexOf(bundleType),
    archive === v1Compatible ? 0 : 1,
    name?.language === 'en-US' ? 0 : 1,
    file,
  ];
}

function compareRanks(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
