import { basename } from 'node:path';
import type { Target } from '../protocol/platform.ts';
import { BUNDLES, type Bundle, parseBundleName } from './bundle-name.ts';
import type { TauriArch } from './tauri-arch.ts';

/** A signed updater file that was found, and what it is for. A universal macOS app makes two of one file. */
export interface Candidate {
  readonly target: Target;
  readonly arch: TauriArch;
  readonly bundle: Bundle;
  readonly file: string;
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
export function chooseForPlatform(
  candidates: readonly Candidate[],
  options: ChooseOptions,
): { readonly chosen: readonly Candidate[]; readonly leftOut: readonly LeftOut[] } {
  const best = new Map<string, Candidate>();
  const sorted = [...candidates].sort((a, b) => compareRanks(rankOf(a, options), rankOf(b, options)));
  const chosen: Candidate[] = [];
  const leftOut: LeftOut[] = [];
  for (const candidate of sorted) {
    const { target, arch, bundle, file } = candidate;
    const place = options.bundleTypes ? `${target}-${arch} as ${bundle}` : `${target}-${arch}`;
    const better = best.get(place);
    if (better === undefined) {
      best.set(place, candidate);
      chosen.push(candidate);
    } else {
      leftOut.push({ file, reason: `${basename(better.file)} is published for ${place}`, usual: true });
    }
  }
  return { chosen, leftOut };
}

/** The lower, the better; the first that differs decides. */
function rankOf({ bundle, file }: Candidate, { v1Compatible }: ChooseOptions): readonly (number | string)[] {
  const name = parseBundleName(basename(file));
  const archive = name?.archive ?? false;
  return [
    BUNDLES.indexOf(bundle),
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
