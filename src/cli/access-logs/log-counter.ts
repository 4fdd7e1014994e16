import { isoDay } from '../../protocol/stats/period.ts';
import { CheckCounter, type Tally } from '../../server/counting/check-counter.ts';
import { newKey, type PeriodKey } from '../../server/counting/period-keys.ts';
import { type Cell, SketchCells } from '../../server/counting/sketch-cells.ts';
import { type Asked, askedIn } from './asked-app.ts';
import type { LoggedRequest } from './log-line.ts';

/** Tallies that are kept: only to be found faster. */
const MAX_TALLIES = 10_000;

/** The apps and releases of a store. */
export interface KnownApps {
  /** By every slug that they have or had. */
  readonly apps: ReadonlyMap<string, string>;
  /** By the ids of releases. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Counts the requests of logs as a server does, with keys that are gone when this is. */
export class LogCounter {
  readonly #known: KnownApps;
  readonly #keys = new Map<string, PeriodKey>();
  readonly #cells = new SketchCells();
  readonly #counter: CheckCounter;
  readonly #tallies = new Map<string, Tally>();
  #now = 0;
  checks = 0;
  downloads = 0;

  /** @param generation what names these counts in the store */
  constructor(known: KnownApps, generation: string) {
    this.#known = known;
    const keyOf = (period: string) => {
      const key = this.#keys.get(period) ?? { ...newKey(), generation };
      this.#keys.set(period, key);
      return key;
    };
    const clock = () => new Date(this.#now);
    this.#counter = new CheckCounter({ keys: { get: keyOf }, cells: this.#cells, clock });
  }

  count(request: LoggedRequest): void {
    const asked = askedIn(request);
    const tally = asked && this.#tallyOf(asked);
    if (asked === undefined || tally === undefined) return;
    if (isoDay(this.#now) !== isoDay(request.time)) this.#counter.settle();
    this.#now = request.time;
    if (tally.isDownload) this.downloads += 1;
    else this.checks += 1;
    this.#counter.count(tally, { address: request.address, cohort: asked.cohort });
  }

  /** Everything that was counted. */
  get cells(): readonly Cell[] {
    this.#counter.settle();
    return this.#cells.dirty;
  }

  /** Whether there was more than is counted at once. */
  get isFull(): boolean {
    return this.#cells.isFull;
  }

  #tallyOf({ slug, platform, version, releaseId }: Asked): Tally | undefined {
    const appId = this.#known.apps.get(slug);
    const of = version ?? this.#known.versions.get(releaseId);
    if (appId === undefined || of === undefined) return undefined;
    const key = [appId, platform, of, releaseId === undefined].join('\n');
    const tally = this.#tallies.get(key) ?? {
      appId,
      platform,
      version: of,
      isDownload: releaseId !== undefined,
    };
    if (this.#tallies.size < MAX_TALLIES) this.#tallies.set(key, tally);
    return tally;
  }
}
