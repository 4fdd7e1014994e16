import { APP_TAG_HEADER } from '../../protocol/app-tag.ts';
import { CHANNEL_HEADER } from '../../protocol/channel.ts';
import { Problem } from '../../protocol/problem.ts';
import { COHORT_HEADER, MANUAL_HEADER } from '../../protocol/rollout/cohort.ts';
import type { Clock } from '../../protocol/time.ts';
import { CORS_HEADERS } from '../http/cors.ts';
import type { AskedNames } from '../http/lenient-names.ts';
import { matchesEtag } from '../http/preconditions.ts';
import { SECURITY_HEADERS } from '../http/security-headers.ts';
import type { InstalledApp } from './app-answers.ts';
import { withAskedNames } from './asked-names.ts';
import { type CheckResponse, headersOfUnchanged } from './check-fast-path.ts';
import type { OfferCache } from './offer-cache.ts';
import type { Validity } from './rollouts.ts';

/** A check, by all that its response depends on. */
export interface AskedCheck extends InstalledApp {
  readonly slug: string;
  /** The platform in the words of the app. */
  readonly asked: AskedNames;
  /** Whether the request has the header that names a channel. */
  readonly hasChannelHeader: boolean;
  /** Whether it has one of the headers that matter to rollouts. */
  readonly hasAudienceHeader: boolean;
}

/** The response to a check of a client that may have it already. */
export interface ConditionalResponse extends Omit<CheckResponse, 'status'> {
  readonly status: CheckResponse['status'] | 304;
}

/**
 * api.md, "Update Check Endpoint": the response, whatever sends it. To HEAD it is the same without the body.
 * @throws Problem `not_found`; what `OfferCache.find` throws
 */
export async function answerCheck(
  offers: OfferCache,
  check: AskedCheck,
  { maxAge, clock }: CacheLife,
): Promise<CheckResponse> {
  const { slug, platform, asked } = check;
  const { offer, validity } = await offers.find(slug, check);
  if (offer === 'unknown_slug') {
    throw new Problem('not_found', `There is no app with the slug ${slug}.`);
  }
  const life = validity === undefined ? maxAge : secondsUntil(validity.until, { maxAge, clock });
  const headers = {
    ...SECURITY_HEADERS,
    ...CORS_HEADERS,
    ...cachingHeaders({ ...check, validity }, life),
    [APP_TAG_HEADER]: offers.tagOf(slug) ?? '',
  };
  const lasting = validity && { validity: { ...validity, until: validity.until - life * 1000 } };
  if (offer === 'no_update') return { status: 204, headers, body: '', ...lasting };
  const { body, etag } = withAskedNames(offer, platform, asked);
  return {
    ...lasting,
    offered: offer.version,
    status: 200,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8', etag },
    body,
  };
}

export interface CacheLife {
  /** Seconds for which a response may be cached; 0: not at all. */
  readonly maxAge: number;
  readonly clock: Clock;
}

/** Seconds for which a response may be cached that holds until a time: not longer than that. */
export function secondsUntil(until: number, { maxAge, clock }: CacheLife): number {
  return Math.max(0, Math.min(maxAge, Math.floor((until - clock().getTime()) / 1000)));
}

/** A 304 if the client has the response. There is no tag where there is no update. */
export function unlessKnown(response: CheckResponse, ifNoneMatch: string | undefined): ConditionalResponse {
  const { etag } = response.headers;
  if (etag === undefined || ifNoneMatch === undefined || !matchesEtag(ifNoneMatch, etag)) return response;
  return { status: 304, headers: headersOfUnchanged(response), body: '' };
}

export interface CachedRequest extends Pick<AskedCheck, 'hasChannelHeader' | 'hasAudienceHeader'> {
  /** Where the response depends on rollouts. */
  readonly validity?: Validity | undefined;
}

/**
 * For responses that depend on the channel, and perhaps on rollouts. Some shared caches do not obey `Vary`: what was asked
 * for by a header, or depends on the address, is not left to them.
 */
export function cachingHeaders(
  { hasChannelHeader, hasAudienceHeader, validity }: CachedRequest,
  maxAge: number,
): Readonly<Record<string, string>> {
  const isPersonal = validity !== undefined && (hasAudienceHeader || validity.by === 'address');
  const scope = hasChannelHeader || isPersonal ? 'private' : 'public';
  return {
    'cache-control': maxAge > 0 ? `${scope}, max-age=${maxAge}` : 'no-store',
    vary: validity === undefined ? CHANNEL_HEADER : `${CHANNEL_HEADER}, ${COHORT_HEADER}, ${MANUAL_HEADER}`,
  };
}
