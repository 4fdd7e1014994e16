import { readFile } from 'node:fs/promises';

/** Of `/proc/<pid>/stat`, a second: fixed on Linux, whatever the kernel counts in. */
const TICKS = 100;

/** What processes took of a processor until now, in seconds; nothing where there is no `/proc`, or no such process. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.reduce((sum, stat) => {
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the state on, proc(5)
    return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS;
  }, 0);
}
