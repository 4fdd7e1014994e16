import { closest, distance } from 'fastest-levenshtein';
import { archCalled, targetCalled } from '../../protocol/other-names.ts';
import { BUNDLE_TYPES, BUNDLE_TYPES_OF, parsePlatform } from '../../protocol/platform.ts';

/** The platform that was probably meant, also by a Rust target triple: `linux-x86_64` for `x86_64-unknown-linux-gnu`. */
export function suggestPlatform(text: string): string | undefined {
  const words = text
    .toLowerCase()
    .replace(/x86[-_]\d+/, 'x8664')
    .split(/[^a-z0-9]+/);
  const target = words.map(targetCalled).find(Boolean);
  const arch =
    words.includes('universal') && target === 'darwin' ? 'universal' : words.map(archCalled).find(Boolean);
  if (target === undefined || arch === undefined) return undefined;
  const platform = `${target}-${arch}`;
  const bundle =
    BUNDLE_TYPES.find((type) => words.includes(type)) ??
    nearestWord(words.at(-1) ?? '', BUNDLE_TYPES_OF[target]);
  if (arch === 'universal') return platform;
  return bundle !== undefined && parsePlatform(`${platform}-${bundle}`) ? `${platform}-${bundle}` : platform;
}

/** The word that was probably meant: one or two letters away, and mostly the same. */
export function nearestWord(text: string, words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  const nearest = closest(text, words);
  const difference = distance(text, nearest);
  return difference <= 2 && 2 * difference < nearest.length ? nearest : undefined;
}
