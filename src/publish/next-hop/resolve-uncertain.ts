import { randomBytes } from 'node:crypto';
import { APP_TAG_HEADER } from '../../protocol/app-tag.ts';
import type { Platform } from '../../protocol/platform.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { uncachedVersion } from '../uncached-version.ts';
import type { Mismatch, Verdict } from './classify-response.ts';
import { type EndpointResponse, isSameUpdate } from './endpoint-response.ts';
import { fillEndpoint } from './endpoint-url.ts';

/** An endpoint with answers that do not say which app they are for. */
export interface UncertainEndpoint {
  readonly template: string;
  readonly platform: Platform;
  /** To ask as; the last is offered an update where any is. */
  readonly versions: readonly string[];
  /** The endpoint of this app on the server itself; undefined where the slug is unknown. */
  readonly ownTemplate: string | undefined;
  readonly slug: string | undefined;
  /** Whether the server's answers carry the app's tag. */
  readonly hasTags: boolean;
  readonly ask: (url: URL) => Promise<EndpointResponse>;
}

/**
 * Compares an endpoint with the server: both have to give the same answers. Where neither has an update to compare, an
 * endpoint that treats an invented slug alike is not this API.
 */
export async function resolveUncertain(endpoint: UncertainEndpoint): Promise<Verdict> {
  const { template, ownTemplate, platform, versions, slug, hasTags, ask } = endpoint;
  if (ownTemplate === undefined || slug === undefined || !URL.canParse(template)) return { kind: 'ours' };
  const own = ownTemplate + new URL(template).search;
  for (const version of versions) {
    // The second time past caches, which may lag behind the server.
    for (const asking of [version, uncachedVersion(version)]) {
      const urls = [template, own].map((text) => fillEndpoint(text, { platform, version: asking }));
      const [url, ownUrl] = urls;
      if (url === undefined || ownUrl === undefined) return { kind: 'ours' };
      if (url.href === ownUrl.href) return { kind: 'ours' };
      const [answer, ownAnswer] = await Promise.all([ask(url), ask(ownUrl)]);
      if (isSameUpdate(answer, ownAnswer)) return { kind: 'ours' };
      if (answer.kind !== 'update' && ownAnswer.kind !== 'update') break;
      if (asking !== version) return differs(answer, ownAnswer);
    }
  }
  if (hasTags) {
    return other(
      `it answers without the header ${APP_TAG_HEADER} of this app: it is another server, or a proxy removes the header`,
    );
  }
  const invented = `${API_ROOT}/no-app-${randomBytes(4).toString('hex')}/`;
  const elsewhere = fillEndpoint(template.replace(`${API_ROOT}/${slug}/`, invented), {
    platform,
    version: versions[0] ?? '',
  });
  if (elsewhere === undefined || !elsewhere.pathname.includes(invented)) return { kind: 'ours' };
  const answer = await ask(elsewhere);
  return answer.kind === 'no_update' ? other('it answers 204 whatever the slug is') : { kind: 'ours' };
}

function differs(answer: EndpointResponse, own: EndpointResponse): Mismatch {
  const offer = (of: EndpointResponse) => (of.kind === 'update' ? of.update.version : 'no update');
  return other(`it offers ${offer(answer)}, where the server offers ${offer(own)} to the same question`);
}

function other(cause: string): Mismatch {
  return { kind: 'mismatch', cause, endsTheCheck: true, isFallback: true };
}
