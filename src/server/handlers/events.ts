import type { FastifyInstance } from 'fastify';
import { findLiveVersion } from '../../database/queries/watched-releases.ts';
import { EventQuery, EventRequest } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { COHORT_HEADER, parseCohort } from '../../protocol/rollout/cohort.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { clientAddressReader, clientNetwork, trustedHops } from '../http/client-address.ts';
import { useCanonicalPlatform } from '../http/lenient-names.ts';
import { registerRoute } from '../http/register-route.ts';
import { createReportLimit } from '../limits/report-limit.ts';
import type { Services } from '../services.ts';

const MAX_BODY_BYTES = 2048;

/** Extension `events`: what apps say of updates. Nothing of a report is kept but that there was one more. */
export function registerEvents(
  app: FastifyInstance,
  { database, counting, trustProxy }: Pick<Services, 'database' | 'counting' | 'trustProxy'>,
): void {
  const addressOf = clientAddressReader(trustedHops(trustProxy));
  const limitedFor = createReportLimit();
  registerRoute(app, 'events', {
    body: EventRequest,
    query: EventQuery,
    bodyLimit: MAX_BODY_BYTES,
    before: useCanonicalPlatform,
    handle: async ({ params: { slug }, body, query, raw }, reply) => {
      const address = addressOf(raw.raw);
      const milliseconds = await limitedFor(clientNetwork(address));
      if (milliseconds !== undefined) {
        reply.header('retry-after', Math.ceil(milliseconds / 1000));
        throw new Problem('too_many_requests', 'This address has reported too much. Try again later.');
      }
      const version = precedenceOf(body.version);
      const appId = await findLiveVersion(database.queries, { slug, precedence: version });
      if (appId === undefined) throw new Problem('not_found', 'There is no such release.');
      const tally = { appId, version, platform: platformName(body), isDownload: false };
      const cohort = parseCohort(query.cohort || raw.headers[COHORT_HEADER]);
      counting?.report(tally, { address, cohort }, body);
      return reply.code(204).send();
    },
  });
}
