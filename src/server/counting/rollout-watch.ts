import type { FastifyBaseLogger } from 'fastify';
import { SERVER } from '../../database/attribution.ts';
import { countConversions } from '../../database/queries/attempts.ts';
import {
  pauseWatched,
  releaseSigns,
  signsBefore,
  type WatchedRelease,
  watchedReleases,
} from '../../database/queries/watched-releases.ts';
import type { Queries } from '../../database/schema.ts';
import { assessRelease } from '../../protocol/health/assess-release.ts';
import { pauseReasonOf, signsSince } from '../../protocol/health/auto-pause.ts';
import type { PeriodKeys } from './period-keys.ts';

export interface RolloutWatchOptions {
  readonly keys: Pick<PeriodKeys, 'get'>;
  readonly logger: FastifyBaseLogger;
}

/**
 * Pauses releases that do worse than the one before, while they are on their way to everyone. Each process looks at all of
 * them; whichever finds the reason first pauses, records and reports it, and the others find it paused.
 */
export class RolloutWatch {
  readonly #keys: RolloutWatchOptions['keys'];
  readonly #logger: FastifyBaseLogger;

  constructor({ keys, logger }: RolloutWatchOptions) {
    this.#keys = keys;
    this.#logger = logger;
  }

  async round(db: Queries, now: Date): Promise<void> {
    await countConversions(
      db,
      now,
      ({ period, generation }) => this.#keys.get(period)?.generation === generation,
    );
    for (const release of await watchedReleases(db, now)) await this.#assess(db, release, now);
  }

  async #assess(db: Queries, release: WatchedRelease, now: Date): Promise<void> {
    const { appId, version, precedence, watch, autoPause } = release;
    const signs = signsSince(await releaseSigns(db, appId, precedence), watch.known);
    const before = await signsBefore(db, release);
    const cause = assessRelease(signs, before?.signs, autoPause);
    if (cause === undefined) return;
    const reason = pauseReasonOf(cause, before?.version);
    if (!(await pauseWatched(db, release, { reason, by: { actor: SERVER, now } }))) return;
    this.#logger.warn({ appId, version, cause }, `paused the rollout of ${version}: ${reason.text}`);
  }
}
