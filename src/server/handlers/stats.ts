import type { FastifyInstance } from 'fastify';
import { readCounts } from '../../database/queries/counts.ts';
import { listVersions } from '../../database/queries/list-releases.ts';
import { StatsQuery, type StatsResponse } from '../../protocol/messages.ts';
import { isoDay, kindOfPeriod } from '../../protocol/stats/period.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { adoptionOf } from '../counting/adoption.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';

const DEFAULT_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Extension `stats`. */
export function registerStats(app: FastifyInstance, { database, clock }: Services): void {
  const { queries } = database;
  registerRoute(app, 'stats', {
    query: StatsQuery,
    handle: async ({ params: { app_id: appId }, query }): Promise<StatsResponse> => {
      const now = clock().getTime();
      const days = query.days === undefined ? DEFAULT_DAYS : Number(query.days);
      const since = isoDay(now - (days - 1) * DAY_MS);
      const version = query.version && precedenceOf(query.version);
      const counts = await readCounts(queries, { appId, since: since.slice(0, 7), version });
      const lately = counts.filter(({ period }) => kindOfPeriod(period) === 'month' || period >= since);
      const counted = [...new Set(lately.map((count) => count.version))];
      const releases = await listVersions(queries, appId, counted);
      return adoptionOf(lately, { releases, now });
    },
  });
}
