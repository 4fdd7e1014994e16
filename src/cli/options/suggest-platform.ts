import { type Arch, BUNDLE_TYPES, parsePlatform, type Target } from '../../protocol/platform.ts';

/** Other names that people and tools use. */
const TARGET_OF: Readonly<Record<string, Target>> = {
  linux: 'linux',
  darwin: 'darwin',
  macos: 'darwin',
  mac: 'darwin',
  osx: 'darwin',
  windows: 'windows',
  win: 'windows',
  win32: 'windows',
  win64: 'windows',
};
const ARCH_OF: Readonly<Record<string, Arch>> = {
  x8664: 'x86_64',
  x64: 'x86_64',
  amd64: 'x86_64',
  intel: 'x86_64',
  aarch64: 'aarch64',
  arm64: 'aarch64',
  x86: 'i686',
  i386: 'i686',
  i586: 'i686',
  i686: 'i686',
  ia32: 'i686',
  armv7: 'armv7',
  armv7l: 'armv7',
  armhf: 'armv7',
  riscv64: 'riscv64',
  riscv64gc: 'riscv64',
};

/** The platform that was probably meant, also by a Rust target triple: `linux-x86_64` for `x86_64-unknown-linux-gnu`. */
export function suggestPlatform(text: string): string | undefined {
  const words = text
    .toLowerCase()
    .replace(/x86[-_]64/, 'x8664')
    .split(/[^a-z0-9]+/);
  const find = <T>(names: Readonly<Record<string, T>>) =>
    words.map((word) => (Object.hasOwn(names, word) ? names[word] : undefined)).find(Boolean);
  const target = find(TARGET_OF);
  const arch = words.includes('universal') && target === 'darwin' ? 'universal' : find(ARCH_OF);
  if (target === undefined || arch === undefined) return undefined;
  const platform = `${target}-${arch}`;
  const bundle = BUNDLE_TYPES.find((type) => words.includes(type));
  if (arch === 'universal') return platform;
  return bundle !== undefined && parsePlatform(`${platform}-${bundle}`) ? `${platform}-${bundle}` : platform;
}
