import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const MIB = 1024 * 1024;

/** A small disk in memory, which another program fills. */
export interface SmallDisk {
  readonly folder: string;
  /** Fills the disk until no more than that number of bytes is free. */
  fill(leaving: number): void;
  /** Removes what has filled it. */
  clear(): void;
}

/** Whether this user may mount disks: Linux, as root, where the system lets it. */
export const canMount = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'synckit-ota-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

/** Mounts a disk until the test is finished. */
export function mountSmallDisk(mib: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'synckit-ota-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  const filler = join(folder, 'filler');
  return {
    folder,
    fill(leaving) {
      const file = openSync(filler, 'a');
      try {
        for (let size = MIB; size >= 1; ) {
          const { bavail, bsize } = statfsSync(folder);
          const left = bavail * bsize - leaving;
          if (left <= 0) break;
          size = Math.min(MIB, left);
          writeSync(file, Buffer.alloc(size, 'x'));
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
    clear() {
      const file = openSync(filler, 'r+');
      ftruncateSync(file, 0);
      closeSync(file);
    },
  };
}
