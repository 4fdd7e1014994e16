import { archCalled, targetCalled } from '../../protocol/other-names.ts';
import { BUNDLE_TYPES, parsePlatform } from '../../protocol/platform.ts';

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
  const bundle = BUNDLE_TYPES.find((type) => words.includes(type));
  if (arch === 'universal') return platform;
  return bundle !== undefined && parsePlatform(`${platform}-${bundle}`) ? `${platform}-${bundle}` : platform;
}
