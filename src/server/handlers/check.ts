import type { FastifyInstance, FastifyReply } from 'fastify';
import { CHANNEL_HEADER, STABLE } from '../../protocol/channel.ts';
import { CheckQuery } from '../../protocol/messages.ts';
import { platformName, withoutBundleType } from '../../protocol/platform.ts';
import { COHORT_HEADER, MANUAL_HEADER, parseCohort, parseManual } from '../../protocol/rollout/cohort.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { clientAddressReader, clientNetwork, trustedHops } from '../http/client-address.ts';
import { useCanonicalNames } from '../http/lenient-names.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { answerCheck, unlessKnown } from '../update-check/answer-check.ts';
import type { CheckFastPath, CheckResponse } from '../update-check/check-fast-path.ts';
import type { OfferCache } from '../update-check/offer-cache.ts';
import { requestedPlatform } from '../update-check/requested-platform.ts';

export interface CheckHandling {
  readonly offers: OfferCache;
  readonly fastPath: CheckFastPath;
}

const AUDIENCE_HEADERS = [COHORT_HEADER, MANUAL_HEADER];

/** api.md, "Update Check Endpoint". */
export function registerCheck(
  app: FastifyInstance,
  { checkMaxAge: maxAge, clock, trustProxy, counting }: Services,
  { offers, fastPath }: CheckHandling,
): void {
  const addressOf = clientAddressReader(trustedHops(trustProxy));
  registerRoute(app, 'check', {
    query: CheckQuery,
    before: useCanonicalNames,
    handle: async ({ params, query, raw }, reply) => {
      const { slug } = params;
      const check = {
        slug,
        platform: requestedPlatform(params, query),
        asked: raw.asked ?? params,
        currentVersion: params.current_version,
        channel: query.channel ?? STABLE,
        takesLower: parseManual(query.downgrade),
        hasChannelHeader: raw.headers[CHANNEL_HEADER] !== undefined,
        hasAudienceHeader: AUDIENCE_HEADERS.some((name) => raw.headers[name] !== undefined),
        asker: {
          cohort: parseCohort(query.cohort || raw.headers[COHORT_HEADER]),
          isManual: parseManual(raw.headers[MANUAL_HEADER]),
          get address() {
            return clientNetwork(addressOf(raw.raw)); // few apps have rollouts that depend on it
          },
        },
      };
      const state = offers.peek(slug);
      const response = await answerCheck(offers, check, { maxAge, clock });
      const tally = {
        appId: offers.appIdOf(slug) ?? '',
        platform: platformName(withoutBundleType(check.platform)),
        version: precedenceOf(params.current_version),
        offered: response.offered && precedenceOf(response.offered),
        isDownload: false,
      };
      const counted = { tally, cohort: parseCohort(query.cohort) };
      fastPath.store(raw.raw, { slug, state, counted }, response);
      if (raw.method === 'GET')
        counting?.count(tally, { address: addressOf(raw.raw), cohort: check.asker.cohort });
      return sendUnlessKnown(reply, response);
    },
  });
}

/** Without a body where there is none: caches take over the length of a 304. */
export function sendUnlessKnown(reply: FastifyReply, response: CheckResponse): FastifyReply {
  const { status, headers, body } = unlessKnown(response, reply.request.headers['if-none-match']);
  return reply
    .code(status)
    .headers(headers)
    .send(body || undefined);
}
