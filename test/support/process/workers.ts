import { readFile } from 'node:fs/promises';
import type { Serving } from './binary.ts';

/** The process ids of the workers of `serve --workers`, as Linux shows them. */
export async function workersOf({ pid }: Pick<Serving, 'pid'>): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
