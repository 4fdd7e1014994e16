import type { PostgresServer } from '../postgres/postgres.ts';
import type { FleetNode } from '../server/fleet-node.ts';

/** How long after a change by one node the others may not know of it, in milliseconds. */
const NEWS_MS = 1000;
/** How long everything may take to be well again after what it needs is back, in milliseconds: R70. */
export const RECOVERY_MS = 5000;

/** Restarts of a PostgreSQL, and what checks may still answer because of them. */
export class Outages {
  readonly #postgres: PostgresServer;
  readonly #outages: { readonly from: number; until: number }[] = [];

  constructor(postgres: PostgresServer) {
    this.#postgres = postgres;
  }

  /** The last one, over or not. */
  get last(): { readonly from: number; readonly until: number } | undefined {
    return this.#outages.at(-1);
  }

  /** When it came back last; undefined while it is away. */
  get backSince(): number | undefined {
    const until = this.#outages.at(-1)?.until ?? 0;
    return until === Number.POSITIVE_INFINITY ? undefined : until;
  }

  async restart(how: 'fast' | 'crash', away: () => Promise<unknown>): Promise<void> {
    const outage = { from: performance.now(), until: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    await this.#postgres.pause(how);
    await away();
    await this.#postgres.resume();
    outage.until = performance.now();
  }

  /**
   * What was acknowledged by then a check that was sent now has to know: what is more than a second old, and where
   * the database is or just was away, what is more than a second older than that. A node that went on while it was
   * away knows what it knew when it was stopped.
   * @param nodes any of which may answer
   */
  knownBy(sentAt: number, nodes: readonly Pick<FleetNode, 'pauses'>[]): number {
    const pauses = nodes.flatMap((node) => node.pauses);
    return this.#outages.reduceRight((known, { from, until }) => {
      if (until + RECOVERY_MS < known) return known;
      const resumed = pauses.filter((pause) => pause.until >= from && pause.until <= until);
      return Math.min(known, ...[from, ...resumed.map((pause) => pause.from)].map((time) => time - NEWS_MS));
    }, sentAt - NEWS_MS);
  }
}
