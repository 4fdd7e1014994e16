import type { FastifyInstance } from 'fastify';
import { APP_TAG_HEADER } from '../../protocol/app-tag.ts';
import { CHANNEL_HEADER, STABLE } from '../../protocol/channel.ts';
import { LatestJsonQuery } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { FOR_EVER } from '../../protocol/rollout/rollout.ts';
import { CORS_HEADERS } from '../http/cors.ts';
import { useCanonicalNames } from '../http/lenient-names.ts';
import { registerRoute } from '../http/register-route.ts';
import { SECURITY_HEADERS } from '../http/security-headers.ts';
import type { Services } from '../services.ts';
import { cachingHeaders, secondsUntil } from '../update-check/answer-check.ts';
import type { CheckResponse } from '../update-check/check-fast-path.ts';
import { type LatestJsonQuestion, latestJson } from '../update-check/latest-json.ts';
import { etagOf } from '../update-check/resolve-offers.ts';
import { type CheckHandling, sendUnlessKnown } from './check.ts';

/** Extension `latest-json`: what Tauri's updater reads where an endpoint is a static file. Cached as checks are. */
export function registerLatestJson(
  app: FastifyInstance,
  { checkMaxAge: maxAge, clock }: Services,
  { offers, fastPath }: CheckHandling,
): void {
  registerRoute(app, 'latestJson', {
    query: LatestJsonQuery,
    before: useCanonicalNames,
    handle: async ({ params: { slug }, query, raw }, reply) => {
      const audience = { slug, channel: query.channel ?? STABLE, currentVersion: query.current_version };
      const state = offers.peek(slug);
      const found = await answer(audience);
      const expiresAt = (await offers.outlineOf(slug, audience.channel))?.expiresAt ?? 0;
      const life = secondsUntil(expiresAt, { maxAge, clock });
      const hasChannelHeader = raw.headers[CHANNEL_HEADER] !== undefined;
      const until = expiresAt - life * 1000;
      const response: CheckResponse = {
        ...found,
        ...(expiresAt < FOR_EVER && { validity: { until, by: 'audience' } }),
        headers: {
          ...SECURITY_HEADERS,
          ...CORS_HEADERS,
          ...cachingHeaders({ hasChannelHeader, hasAudienceHeader: false }, life),
          [APP_TAG_HEADER]: offers.tagOf(slug) ?? '',
          ...(found.status === 200 && {
            'content-type': 'application/json; charset=utf-8',
            etag: etagOf(found.body),
          }),
        },
      };
      fastPath.store(raw.raw, { slug, state }, response);
      return sendUnlessKnown(reply, response);
    },
  });

  /** A client that gets an error asks its next endpoint. */
  async function answer(audience: LatestJsonQuestion): Promise<Pick<CheckResponse, 'status' | 'body'>> {
    const latest = await latestJson(offers, audience);
    if (latest === 'unknown_slug') {
      throw new Problem('not_found', `There is no app with the slug ${audience.slug}.`);
    }
    if (latest !== 'no_update') return { status: 200, body: JSON.stringify(latest) };
    if (audience.currentVersion !== undefined) return { status: 204, body: '' };
    throw new Problem('not_found', 'There is no release that every installed version could take.');
  }
}
