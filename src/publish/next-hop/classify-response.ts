import { type EndpointResponse, endsTheCheck, isUnknownSlug } from './endpoint-response.ts';

/** What an endpoint has to lead to. */
export interface Destination {
  /** The app's tag, where the server has the extension `app-tag`. */
  readonly tag: string | undefined;
  /** Where installed apps ask; undefined when unknown. */
  readonly slug: string | undefined;
  /** Whether the slug is registered by this run, so that the server does not know it yet. */
  readonly isNewSlug: boolean;
  /** Whether the server is ours, and not one that knows api.md only. */
  readonly isOurServer: boolean;
}

export type Verdict =
  /** It leads to this app. */
  | { readonly kind: 'ours' }
  /** It will, once the slug is registered. */
  | { readonly kind: 'pending' }
  /** It answers as this app's may, but so would others. */
  | { readonly kind: 'uncertain' }
  /** It could not be asked as the updater would ask. */
  | { readonly kind: 'unchecked'; readonly cause: string }
  | Mismatch;

export interface Mismatch {
  readonly kind: 'mismatch';
  /** Completes "the endpoint …: ". */
  readonly cause: string;
  /** Whether the updater takes what it gets, and asks no further endpoint. */
  readonly endsTheCheck: boolean;
  /** Whether it may serve as a fallback: it answers, with updates that are not another app's. */
  readonly isFallback: boolean;
}

/** @param slug the one in the endpoint's path, where there is one */
export function classifyResponse(
  answer: EndpointResponse,
  destination: Destination,
  slug: string | undefined,
): Verdict {
  const { tag, isNewSlug, isOurServer } = destination;
  if (answer.kind === 'no_update' || answer.kind === 'update') {
    if (answer.tag === undefined) return { kind: 'uncertain' };
    if (tag === undefined || answer.tag === tag) return { kind: tag === undefined ? 'uncertain' : 'ours' };
    return mismatch(answer, 'it leads to another app of a SyncKit OTA server', { isFallback: false });
  }
  const namesNewSlug = isNewSlug && (slug === undefined || slug === destination.slug);
  if (namesNewSlug && isUnknownSlug(answer, isOurServer)) return { kind: 'pending' };
  return mismatch(answer, causeOf(answer, destination, slug), { isFallback: answer.kind === 'static_file' });
}

export function mismatch(
  answer: EndpointResponse,
  cause: string,
  { isFallback }: Pick<Mismatch, 'isFallback'>,
): Mismatch {
  return { kind: 'mismatch', cause, endsTheCheck: endsTheCheck(answer), isFallback };
}

function causeOf(answer: EndpointResponse, destination: Destination, slug: string | undefined): string {
  switch (answer.kind) {
    case 'unreachable':
      return answer.reason;
    case 'static_file':
      return `it answers with one file for all platforms, of version ${answer.version}, and not with this app's updates`;
    case 'not_json':
      return `it answers with ${answer.what} instead of an update`;
    case 'other_json':
      return 'it answers with JSON that is no update';
    case 'refused':
      return refusalOf(answer, destination, slug);
    default:
      return 'it does not lead to this app';
  }
}

function refusalOf(
  answer: Extract<EndpointResponse, { kind: 'refused' }>,
  destination: Destination,
  slug: string | undefined,
): string {
  const { status, detail } = answer;
  const isOtherSlug = status === 404 && slug !== undefined && destination.slug !== undefined;
  if (isOtherSlug && slug !== destination.slug) {
    return `it asks for the slug ${slug}, which is not known there (404); the app's slug is ${destination.slug}`;
  }
  return `it answers with status ${status}${detail === undefined ? '' : ` (${detail})`}`;
}
