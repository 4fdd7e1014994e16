/** What other ecosystems call a target: Node, Go, Electron, people. */
const TARGET_OF = {
  linux: 'linux',
  darwin: 'darwin',
  macos: 'darwin',
  macosx: 'darwin',
  mac: 'darwin',
  osx: 'darwin',
  windows: 'windows',
  win: 'windows',
  win32: 'windows',
  win64: 'windows',
} as const;

const ARCH_OF = {
  x8664: 'x86_64',
  x64: 'x86_64',
  amd64: 'x86_64',
  intel: 'x86_64',
  intel64: 'x86_64',
  aarch64: 'aarch64',
  arm64: 'aarch64',
  x86: 'i686',
  i386: 'i686',
  i586: 'i686',
  i686: 'i686',
  ia32: 'i686',
  386: 'i686',
  arm: 'armv7',
  armv7: 'armv7',
  armv7l: 'armv7',
  armhf: 'armv7',
  riscv64: 'riscv64',
  riscv64gc: 'riscv64',
} as const;

/** Every name of a target, and every one of an arch, as patterns. */
export const ANY_TARGET = `(?:${Object.keys(TARGET_OF).join('|')})`;
export const ANY_ARCH = `(?:x86[-_]64|${Object.keys(ARCH_OF).join('|')})`;

/** Undefined for a name that nothing is known by. */
export function targetCalled(name: string): (typeof TARGET_OF)[keyof typeof TARGET_OF] | undefined {
  return lookUp(TARGET_OF, name);
}

/** Undefined for a name that nothing is known by. */
export function archCalled(name: string): (typeof ARCH_OF)[keyof typeof ARCH_OF] | undefined {
  return lookUp(ARCH_OF, name.replace(/^x86[-_]64$/i, 'x8664'));
}

function lookUp<T>(names: Readonly<Record<string, T>>, name: string): T | undefined {
  const key = name.trim().toLowerCase();
  return Object.hasOwn(names, key) ? names[key] : undefined;
}
