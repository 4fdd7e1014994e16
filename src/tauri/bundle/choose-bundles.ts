import { basename } from 'node:path';
import {
  BUNDLE_TYPES,
  type BundleType,
  type Platform,
  platformName,
  withoutBundleType,
} from '../../protocol/platform.ts';
import { parseBundleName } from './bundle-name.ts';

/** A file and the platform it is for. */
interface PlatformFile extends Platform {
  readonly file: string;
}

/** A signed updater file that was found, and what it is for. A universal macOS app makes two of one file. */
export interface Candidate extends PlatformFile {
  readonly bundleType: BundleType;
}

/** Something that was found and is not published. */
export interface LeftOut {
  readonly file: string;
  /** Completes "… was left out: ". */
  readonly reason: string;
  /** Whether it happens in any sound build, so that nobody need look at it. */
  readonly usual: boolean;
}

export interface ChooseOptions {
  /** Whether the server holds a file for each kind of bundle; otherwise it holds one for a platform. */
  readonly bundleTypes: boolean;
  /** Whether Tauri 1's updater is to be served too, which takes archives only. */
  readonly v1Compatible: boolean;
}

/**
 * Chooses the file for each platform, or for each of its kinds of bundle: NSIS over MSI, AppImage over deb over rpm;
 * an archive for Tauri 1's updater where that is to be served, otherwise the bundle itself; an MSI in English over its
 * other languages, which all update each other. Pure.
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

/** The lower, the better; the first that differs decides. */
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
