import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import { writeBundle } from '../publish/world.ts';
import { type Finished, type RunOptions, start } from './binary.ts';

const MIB = 1024 * 1024;
/** The distance between blocks of random bytes in a large file with holes. */
const STRIDE = 128 * MIB;
const POLL_MS = 50;

/** The peak resident size of a process, in MiB; undefined once it has ended. Reads /proc: Linux only. */
export function peakOf(pid: number): number | undefined {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** The resident size of a process, in MiB. Reads /proc: Linux only. */
export function residentOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Runs the binary to its end. @returns also the peak resident sizes, in MiB */
export async function runMeasured(
  args: readonly string[],
  options: RunOptions,
): Promise<Finished & { readonly peaks: readonly number[] }> {
  const running = start(args, options);
  const peaks: number[] = [];
  const poll = setInterval(() => {
    const peak = peakOf(running.pid);
    if (peak !== undefined) peaks.push(peak);
  }, POLL_MS);
  const finished = await running.finished;
  clearInterval(poll);
  return { ...finished, peaks };
}

/** A bundle of that many bytes, with holes that take no disk space. */
export async function writeLargeBundle(folder: string, name: string, size: number): Promise<string> {
  const file = await writeBundle(folder, name);
  await truncate(file, size);
  const handle = await open(file, 'r+');
  for (let offset = 0; offset < size; offset += STRIDE) await handle.write(randomBytes(MIB), 0, MIB, offset);
  await handle.close();
  return file;
}
