import { readFileSync, realpathSync, statSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import type { DatabaseIdentity } from '../database.ts';

/** How exactly a boot is known where the system has no id for it, in seconds. */
const BOOT_TOLERANCE = 100;

/** A file has nothing that a copy of it would lack; which file it is, and on which boot of the machine, is known. */
export function sqliteIdentity(file: string): DatabaseIdentity {
  const { dev, ino } = statSync(file, { bigint: true });
  return { server: '', instance: `${hostname()}:${bootId()}:${realpathSync(file)}:${dev}:${ino}` };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return String(Math.round((Date.now() / 1000 - uptime()) / BOOT_TOLERANCE));
  }
}
