import { type Arch, type BundleType, type Platform, systemOf, type Target } from '../../protocol/platform.ts';

/** What people call a system. */
export const SYSTEM_NAMES: Readonly<Record<Target, string>> = {
  windows: 'Windows',
  darwin: 'macOS',
  linux: 'Linux',
};

const ARCH_NAMES: Readonly<Record<Arch, string>> = {
  x86_64: '64-bit',
  aarch64: 'ARM64',
  i686: '32-bit',
  armv7: '32-bit ARM',
  riscv64: '64-bit RISC-V',
};

const MAC_NAMES: Partial<Readonly<Record<Arch, string>>> = { aarch64: 'Apple silicon', x86_64: 'Intel' };

const KIND_NAMES: Readonly<Record<BundleType, string>> = {
  appimage: 'AppImage',
  deb: 'package for Debian and Ubuntu',
  rpm: 'package for Fedora and openSUSE',
  app: 'application',
  nsis: 'installer',
  msi: 'MSI package',
};

/** The system that a file is for; of a custom target its own name. */
export function systemName({ target }: Platform): string {
  return target.includes('-') ? target : SYSTEM_NAMES[systemOf(target) ?? 'linux'];
}

/** `Apple silicon`, `64-bit`. */
export function archName({ target, arch }: Platform): string {
  return (target === 'darwin' ? MAC_NAMES[arch] : undefined) ?? ARCH_NAMES[arch] ?? arch;
}

/** `64-bit installer`, `Apple silicon`. */
export function kindName(file: Platform): string {
  const { bundleType, target } = file;
  if (bundleType === undefined || target === 'darwin') return archName(file);
  return `${archName(file)} ${KIND_NAMES[bundleType]}`;
}

/** `13 March 2026`, in UTC. */
export function dateInWords(milliseconds: number): string {
  const options = { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(milliseconds);
}
