import { ARCHS, type Arch, type Target } from '../platform.ts';

/** A parsed Rust target triple. */
export interface Triple {
  readonly target: Target;
  readonly archs: readonly Arch[]; // two for `universal-apple-darwin`
}

/** The words for an arch in file names of tauri-bundler, and at the start of triples. */
const WORDS: Readonly<Record<Arch, RegExp>> = {
  x86_64: /^(x86_64|amd64|x64)$/,
  aarch64: /^(aarch64|arm64)$/,
  i686: /^(i[3-6]86|x86)$/,
  armv7: /^(armv7\w*|arm|armhf|armhfp|armel|thumbv7\w*)$/,
  riscv64: /^riscv64\w*$/,
};

const ARCH_WORD =
  /(?<![a-z0-9])(?:x86[_-]64|amd64|x64|aarch64|arm64|armhf|armv7\w*|i[3-6]86|riscv64)(?![a-z0-9])/gi;

/** Reads `amd64`, `x64`, `armhfp`. */
export function parseArchWord(word: string): Arch | undefined {
  return ARCHS.find((arch) => WORDS[arch].test(word));
}

/** Reads `x86_64-pc-windows-msvc` or `universal-apple-darwin`; undefined when Tauri's updater does not support it. */
export function parseTriple(text: string): Triple | undefined {
  const [first = '', ...rest] = text.split('-');
  const target = targetOf(rest);
  if (target === undefined) return undefined;
  if (first === 'universal')
    return target === 'darwin' ? { target, archs: ['x86_64', 'aarch64'] } : undefined;
  const arch = parseArchWord(first);
  return arch && { target, archs: [arch] };
}

function targetOf(parts: readonly string[]): Target | undefined {
  if (parts.includes('darwin')) return 'darwin';
  if (parts.includes('windows')) return 'windows';
  return parts.includes('linux') && !parts.some((part) => part.startsWith('android')) ? 'linux' : undefined;
}

/** The arch that a file's name mentions anywhere, where it mentions one only. */
export function archInName(fileName: string): Arch | undefined {
  const words = fileName.match(ARCH_WORD) ?? [];
  const archs = new Set(words.map((word) => parseArchWord(word.toLowerCase().replace('x86-64', 'x86_64'))));
  const [arch] = archs;
  return archs.size === 1 ? arch : undefined;
}
