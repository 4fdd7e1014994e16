import type { FastifyInstance } from 'fastify';
import { STABLE } from '../../protocol/channel.ts';
import { ExplainQuery, type ExplainResponse } from '../../protocol/messages.ts';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { parseCohort, parseManual } from '../../protocol/rollout/cohort.ts';
import { explainCheck } from '../explain/explain-check.ts';
import { readExplained } from '../explain/read-explained.ts';
import { clientAddressReader, clientNetwork, trustedHops } from '../http/client-address.ts';
import { InvalidRequest } from '../http/error-reply.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Turns } from '../limits/request-limits.ts';
import type { Services } from '../services.ts';
import { requestedPlatform } from '../update-check/requested-platform.ts';
import type { FindLost } from '../update-check/route-offers.ts';

/** Extension `explain`. An app without a cohort has the one of the address that the request comes from, as in a check. */
export function registerExplain(
  app: FastifyInstance,
  { database, clock, trustProxy }: Services,
  { turns, findLost }: { readonly turns: Turns; readonly findLost: FindLost | undefined },
): void {
  const addressOf = clientAddressReader(trustedHops(trustProxy));
  registerRoute(app, 'explain', {
    query: ExplainQuery,
    handle: async ({ params: { app_id: appId }, query, raw }, reply): Promise<ExplainResponse> => {
      await turns.take(raw.token?.id ?? '', reply);
      const asked = {
        platform: requestedPlatform(query, query),
        currentVersion: query.version,
        channel: query.channel ?? STABLE,
        takesLower: parseManual(query.downgrade),
        asker: {
          cohort: parseCohort(query.cohort),
          isManual: parseManual(query.manual),
          address: clientNetwork(addressOf(raw.raw)),
        },
        keyId: keyIdOf(query),
      };
      const now = clock().getTime();
      const explained = await readExplained(database.queries, { appId, now }, { asked, findLost });
      return explainCheck(explained, asked);
    },
  });
}

/** @throws InvalidRequest */
function keyIdOf({ pubkey }: ExplainQuery): string | undefined {
  const id = publicKeyIdOf(pubkey);
  if (pubkey !== undefined && id === undefined)
    throw new InvalidRequest({ field: 'pubkey', message: 'must be a minisign public key' });
  return id;
}
