import { createHash } from 'node:crypto';
import { CheckCounter } from '../../../src/server/counting/check-counter.ts';
import { BLOCK_BYTES } from '../../../src/server/counting/client-block.ts';
import type { PeriodKeys } from '../../../src/server/counting/period-keys.ts';
import { type Cell, SketchCells } from '../../../src/server/counting/sketch-cells.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;

/** Random numbers from 0 to 1, the same in each run (xorshift32). */
export function seeded(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The address of an installed app: IPv4 for most. */
export function addressOf(client: number): string {
  return client % 4 === 0
    ? `2001:db8:${(client >>> 16).toString(16)}:${(client & 0xffff).toString(16)}::1`
    : `10.${(client >>> 16) & 255}.${(client >>> 8) & 255}.${client & 255}`;
}

/**
 * Makes the keys that are missing, the same in each run: with random ones, one estimate in a hundred is more than 2 %
 * from the truth.
 */
export function makeSeededKeys(keys: PeriodKeys, now: number, seed: number): void {
  for (const { name } of keys.needed(now)) {
    if (keys.get(name) !== undefined) continue;
    const secret = createHash('sha256').update(`${seed} ${name}`).digest().subarray(0, BLOCK_BYTES);
    keys.set(name, { generation: name, secret });
  }
}

/** A process that counts, without its store. */
export class CountingProcess {
  readonly cells = new SketchCells();
  readonly counter: CheckCounter;

  constructor(keys: PeriodKeys, clock: () => Date) {
    this.counter = new CheckCounter({ keys, cells: this.cells, clock });
  }
}

/** What processes with the same keys have counted together, by `period kind version platform`. */
export function mergedCounts(processes: readonly CountingProcess[]): ReadonlyMap<string, number> {
  const merged = new Map<string, Cell>();
  for (const { cells, counter } of processes) {
    counter.settle();
    for (const cell of cells.dirty) {
      const name = [cell.period, cell.kind, cell.version, cell.platform].join(' ').trim();
      const known = merged.get(name);
      if (known === undefined) merged.set(name, cell);
      else known.sketch.merge(cell.sketch);
    }
  }
  return new Map([...merged].map(([name, { sketch }]) => [name, sketch.estimate()]));
}
