import type { Arch, Platform, Target } from '../../protocol/platform.ts';

const ARCH_OF: Partial<Readonly<Record<NodeJS.Architecture, Arch>>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ia32: 'i686',
  arm: 'armv7',
  riscv64: 'riscv64',
};

/** The system this runs on; Linux for a system that apps are not updated on. */
export function hostTarget(): Target {
  if (process.platform === 'win32') return 'windows';
  return process.platform === 'darwin' ? 'darwin' : 'linux';
}

/** The platform this runs on. */
export function hostPlatform(): Platform {
  return { target: hostTarget(), arch: ARCH_OF[process.arch] ?? 'x86_64' };
}
