import { type AttemptCell, addAttempts } from '../../database/queries/attempts.ts';
import { FEWEST_CLIENTS } from '../../database/queries/counts.ts';
import type { Queries } from '../../database/schema.ts';
import { LOOP_DOWNLOADS } from '../../protocol/health/assess-release.ts';
import { HyperLogLog } from '../../protocol/stats/hyperloglog.ts';
import { type Period, periodsAt } from '../../protocol/stats/period.ts';
import type { Tally } from './check-counter.ts';
import { BLOCK_BYTES, type CountedClient, writeClient, writeNetwork } from './client-block.ts';
import { hashBlocks, type PeriodKey, type PeriodKeys } from './period-keys.ts';
import type { SketchCells } from './sketch-cells.ts';

/** How long downloads are put together, in milliseconds. */
const WINDOW_MS = 30 * 60 * 1000;
/** Who downloads a file again sooner goes on with a download that broke off. */
const APART_MS = 30 * 60 * 1000;
/** Clients of one release that are told apart in one network of many: who has such a network is no crowd. */
const MAX_OF_NETWORK = 8;
/** Codes of one release that are counted by themselves: anyone can invent some. */
const MAX_CODES = 20;
/** Clients that are known at a time, of all releases: some 20 MB. */
const MAX_CLIENTS = 200_000;

/** A client's downloads of a release: how many, and when the last was, in milliseconds since 1970. */
interface Downloads {
  count: number;
  last: number;
}

/** The clients of a release, by hashes with the key of a month. */
interface KnownClients {
  readonly clients: Map<number, Downloads>;
  /** How many of them are in a network of many. */
  readonly networks: Map<number, number>;
  /** What they have reported. */
  readonly codes: Set<string>;
}

export interface AttemptsOptions {
  readonly keys: Pick<PeriodKeys, 'get'>;
  readonly cells: SketchCells;
}

type Window = AttemptCell & { isDirty: boolean };

/**
 * Knows who downloads a release for the first time, and who again and again. Hashes of clients are in memory only, and for as
 * long as the key of a month: what is stored are sketches.
 */
export class Attempts {
  readonly #keys: AttemptsOptions['keys'];
  readonly #cells: SketchCells;
  /** By generation, app and version. */
  readonly #known = new Map<string, KnownClients>();
  readonly #windows = new Map<string, Window>();
  #clients = 0;

  constructor({ keys, cells }: AttemptsOptions) {
    this.#keys = keys;
    this.#cells = cells;
  }

  /** @param now milliseconds since 1970 */
  download(tally: Tally, client: CountedClient, now: number): void {
    const hashed = this.#hash(client, now);
    if (hashed === undefined) return;
    const { appId, version } = tally;
    const known = this.#knownOf(`${hashed.key.generation}\n${appId}\n${version}`);
    const downloads = known.clients.get(hashed.client);
    if (downloads === undefined) {
      if (this.#isAdmitted(known, hashed, now)) this.#addFirst(tally, hashed, now);
    } else if (now - downloads.last >= APART_MS) {
      downloads.count += 1;
      downloads.last = now;
      if (downloads.count === LOOP_DOWNLOADS) this.#addTo({ kind: 'looping', outcome: '' }, tally, hashed);
    }
  }

  /** Counts what an app reports. */
  report(tally: Tally, client: CountedClient, { outcome, code, now }: Report): void {
    const hashed = this.#hash(client, now);
    if (hashed === undefined) return;
    const { appId, version } = tally;
    const known = this.#knownOf(`${hashed.key.generation}\n${appId}\n${version}\nreports`);
    if (!known.clients.has(hashed.client) && !this.#isAdmitted(known, hashed, now)) return;
    this.#addTo({ kind: 'reported', outcome }, tally, hashed);
    if (code === undefined || (!known.codes.has(code) && known.codes.size >= MAX_CODES)) return;
    known.codes.add(code);
    this.#addTo({ kind: 'reported', outcome: `${outcome} ${code}` }, tally, hashed);
  }

  /** Adds to the store. Times with few clients go on until there are more. @param now milliseconds since 1970 */
  async write(db: Queries, now: number): Promise<void> {
    const windows = [...this.#windows].filter(([, window]) => window.isDirty);
    const ready = windows.filter(([, { sketch }]) => sketch.estimate() >= FEWEST_CLIENTS - 0.5);
    for (const [, window] of ready) window.isDirty = false;
    try {
      await addAttempts(
        db,
        ready.map(([, window]) => window),
      );
    } catch (error) {
      for (const [, window] of ready) window.isDirty = true;
      throw error;
    }
    for (const [name, window] of this.#windows) {
      if (window.endsAt > now) continue;
      this.#windows.delete(name);
      if (window.isDirty && this.#isCurrent(window)) this.#windowAt(window, now).sketch.merge(window.sketch);
    }
    for (const [name, { clients }] of this.#known)
      if (!this.#isCurrent({ period: monthAt(now).name, generation: name.split('\n')[0] ?? '' }))
        this.#forget(name, clients);
  }

  #isCurrent({ period, generation }: Pick<AttemptCell, 'period' | 'generation'>): boolean {
    return this.#keys.get(period)?.generation === generation;
  }

  #hash(client: CountedClient, now: number): Hashed | undefined {
    const month = monthAt(now);
    const key = this.#keys.get(month.name);
    if (key === undefined) return undefined;
    const blocks = Buffer.alloc(2 * BLOCK_BYTES);
    writeClient(blocks, 0, client);
    writeNetwork(blocks, BLOCK_BYTES, client);
    const hashes = hashBlocks(key, blocks);
    const [index, rest] = [hashes.readUInt32LE(0), hashes.readUInt32LE(4)];
    // As many bits as a number has: two of a million clients are alike once in ten thousand cases.
    return {
      month,
      key,
      index,
      rest,
      client: hashes.readUIntLE(8, 6),
      network: hashes.readUIntLE(BLOCK_BYTES, 6),
    };
  }

  #isAdmitted(known: KnownClients, { client, network }: Hashed, now: number): boolean {
    const inNetwork = known.networks.get(network) ?? 0;
    if (inNetwork >= MAX_OF_NETWORK || this.#clients >= MAX_CLIENTS) return false;
    known.networks.set(network, inNetwork + 1);
    known.clients.set(client, { count: 1, last: now });
    this.#clients += 1;
    return true;
  }

  #addFirst({ appId, version, platform }: Tally, { month, key, index, rest }: Hashed, now: number): void {
    const of = { appId, version, platform, generation: key.generation, period: month.name };
    const window = this.#windowAt(of, now);
    window.sketch.add(index, rest);
    window.isDirty = true;
  }

  #windowAt(of: Omit<AttemptCell, 'endsAt' | 'sketch'>, now: number): Window {
    const { appId, version, platform, generation, period } = of;
    const endsAt = (Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS;
    const name = [appId, version, platform, generation, endsAt].join('\n');
    const known = this.#windows.get(name);
    if (known !== undefined) return known;
    const sketch = new HyperLogLog();
    const window = { appId, version, platform, generation, period, endsAt, sketch, isDirty: true };
    this.#windows.set(name, window);
    return window;
  }

  #addTo(
    what: { readonly kind: 'looping' | 'reported'; readonly outcome: string },
    { appId, version, platform }: Tally,
    { month, key: { generation }, index, rest }: Hashed,
  ): void {
    const of = { appId, version, platform, period: month.name, periodEnd: month.end, generation };
    const cell = this.#cells.find({ ...of, ...what });
    if (cell !== undefined) this.#cells.add(cell, index, rest);
  }

  /** Where there are too many clients, those of the release that came first are forgotten. */
  #knownOf(name: string): KnownClients {
    const found = this.#known.get(name);
    if (found !== undefined) return found;
    for (const [oldest, { clients }] of this.#known) {
      if (this.#clients < MAX_CLIENTS) break;
      this.#forget(oldest, clients);
    }
    const known: KnownClients = { clients: new Map(), networks: new Map(), codes: new Set() };
    this.#known.set(name, known);
    return known;
  }

  #forget(name: string, clients: ReadonlyMap<number, Downloads>): void {
    this.#known.delete(name);
    this.#clients -= clients.size;
  }
}

/** See `EventRequest`. */
export interface Report {
  readonly outcome: string;
  readonly code?: string | undefined;
  readonly now: number;
}

interface Hashed {
  readonly month: Period;
  readonly key: PeriodKey;
  /** Of a sketch. */
  readonly index: number;
  readonly rest: number;
  /** What tells clients apart, and networks of many. */
  readonly client: number;
  readonly network: number;
}

function monthAt(now: number): Period {
  const month = periodsAt(now).find(({ kind }) => kind === 'month');
  if (month === undefined) throw new Error('there is no month');
  return month;
}
