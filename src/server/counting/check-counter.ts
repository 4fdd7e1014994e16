import type { CellKind, CellName } from '../../database/queries/counts.ts';
import { type Period, periodsAt } from '../../protocol/stats/period.ts';
import type { Clock } from '../../protocol/time.ts';
import { BLOCK_BYTES, type CountedClient, writeClient } from './client-block.ts';
import { hashBlocks, type PeriodKeys } from './period-keys.ts';
import type { Cell, SketchCells } from './sketch-cells.ts';

/** What a request says, all but its client: the same object for the same requests, so that its cells are found once. */
export interface Tally {
  readonly appId: string;
  readonly platform: string;
  /** Without build metadata. */
  readonly version: string;
  /** Of an update check: the version that was offered. Undefined where there was none. */
  readonly offered?: string | undefined;
  /** Whether `version` was downloaded; else it is the one that asks. */
  readonly isDownload: boolean;
}

/** How many requests are hashed together. */
const BATCH = 1024;
/** How long they wait at most, in milliseconds. */
const WAIT_MS = 1000;

/** Cells of a tally, for the periods of a time. */
interface FoundCells {
  readonly epoch: number;
  readonly until: number;
  readonly byPeriod: readonly (readonly Cell[])[];
}

export interface CheckCounterOptions {
  readonly keys: Pick<PeriodKeys, 'get'>;
  readonly cells: SketchCells;
  readonly clock: Clock;
}

/** Counts requests: cheap enough for every update check, as most of the work is done for many at once. */
export class CheckCounter {
  readonly #options: CheckCounterOptions;
  readonly #blocks = Buffer.alloc(BATCH * BLOCK_BYTES);
  readonly #tallies: Tally[] = [];
  readonly #found = new WeakMap<Tally, FoundCells>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CheckCounterOptions) {
    this.#options = options;
  }

  count(tally: Tally, client: CountedClient): void {
    const waiting = this.#tallies.push(tally);
    writeClient(this.#blocks, (waiting - 1) * BLOCK_BYTES, client);
    if (waiting === BATCH) this.settle();
    else if (waiting === 1) this.#timer = setTimeout(() => this.settle(), WAIT_MS).unref();
  }

  /** Counts what waits. */
  settle(): void {
    clearTimeout(this.#timer);
    const { keys, cells, clock } = this.#options;
    const waiting = this.#tallies.splice(0);
    if (waiting.length === 0) return;
    const blocks = this.#blocks.subarray(0, waiting.length * BLOCK_BYTES);
    const now = clock().getTime();
    const periods = periodsAt(now);
    const found = waiting.map((tally) => this.#cellsOf(tally, periods, now));
    periods.forEach(({ name }, period) => {
      const key = keys.get(name);
      if (key === undefined) return; // another process has it, which hands it over in some seconds
      const hashes = hashBlocks(key, blocks);
      for (let i = 0; i < waiting.length; i++) {
        const index = hashes.readUInt32LE(i * BLOCK_BYTES);
        const rest = hashes.readUInt32LE(i * BLOCK_BYTES + 4);
        for (const cell of found[i]?.[period] ?? []) cells.add(cell, index, rest);
      }
    });
  }

  /** In the order of the periods. */
  #cellsOf(tally: Tally, periods: readonly Period[], now: number): FoundCells['byPeriod'] {
    const { cells } = this.#options;
    const found = this.#found.get(tally);
    if (found !== undefined && found.epoch === cells.epoch && now < found.until) return found.byPeriod;
    const byPeriod = periods.map((period) => this.#find(tally, period));
    this.#found.set(tally, { epoch: cells.epoch, until: now + WAIT_MS, byPeriod });
    return byPeriod;
  }

  #find(tally: Tally, period: Period): Cell[] {
    const { keys, cells } = this.#options;
    const generation = keys.get(period.name)?.generation;
    if (generation === undefined) return [];
    const { appId } = tally;
    const names = cellsIn(period, tally).map((cell) => ({
      ...cell,
      appId,
      period: period.name,
      periodEnd: period.end,
      generation,
    }));
    return names.flatMap((name) => cells.find(name) ?? []);
  }
}

/** What a request adds to. A week has clients alone: which versions they have on each day says the rest. */
function cellsIn(
  { kind: period }: Period,
  { version, platform, offered, isDownload }: Tally,
): Pick<CellName, 'kind' | 'version' | 'platform'>[] {
  const of = (kind: CellKind, ofVersion: string) => ({ kind, version: ofVersion, platform });
  if (isDownload) return period === 'week' ? [] : [of('downloaded', version)];
  const seen = [{ kind: 'seen' as const, version: '', platform: '' }, of('seen', '')];
  if (period === 'week') return seen;
  return [...seen, of('running', version), ...(offered === undefined ? [] : [of('offered', offered)])];
}
