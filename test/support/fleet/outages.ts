import type { PostgresServer } from '../postgres/postgres.ts';
import type { FleetNode } from '../server/fleet-node.ts';

/** How long the other nodes may not know of a change, in milliseconds. */
const NEWS_MS = 1000;
/** How long recovery may take once everything is available again, in milliseconds: R70. */
export const RECOVERY_MS = 5000;

/** Restarts of a PostgreSQL, and how stale checks may be because of them. */
export class Outages {
  readonly #postgres: PostgresServer;
  readonly #outages: { readonly from: number; until: number }[] = [];

  constructor(postgres: PostgresServer) {
    this.#postgres = postgres;
  }

  /** The last outage, over or not. */
  get last(): { readonly from: number; readonly until: number } | undefined {
    return this.#outages.at(-1);
  }

  /** When PostgreSQL last came back; undefined while it is down. */
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
   * A check that is sent now has to know what was acknowledged by the returned time: a second ago, or a second before
   * an outage that is not over or just ended. A node that resumed during an outage knows what it knew when it was
   * paused.
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
