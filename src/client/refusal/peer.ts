import { PROBLEM_CONTENT_TYPE, PROBLEM_STATUS, ProblemBody } from '../../protocol/problem.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { decodeIfMatching, isPage } from '../response.ts';
import { type Evidence, findFront, isUnmistakable } from './front.ts';
import { storeCode } from './store-refusal.ts';

/**
 * What is known of how a server refuses. `unknown`: it has not given an answer of the API yet. `api`: it has, and may
 * refuse with any body. `problems`: it is ours, and refuses with problems only. `blocked`: what asks for nothing is
 * refused there too.
 */
export type ServerKind = 'unknown' | 'api' | 'problems' | 'blocked';

/** What a request was meant for. */
export interface Peer {
  readonly place: 'server' | 'storage';
  readonly server: ServerKind;
  /** What the request is allowed by: a token, nothing, or the URL that was handed out for it. */
  readonly access: 'token' | 'public' | 'url';
}

/** Where a URL leads to that a server handed out. */
export function peerAt({ pathname }: URL, server: ServerKind = 'unknown'): Peer {
  return { place: pathname.includes(API_ROOT) ? 'server' : 'storage', server, access: 'url' };
}

/** What a server that knows api.md only refuses with, or a storage other than S3, whether or not it says why. */
const MEANT: readonly number[] = [401, 403, 404, 409, 429, 500, 503, 507];
/** What it also may refuse with if it says why. */
const EXPLAINED: readonly number[] = [400, 402, 405, 410, 412, 413, 415, 422, 423, 425, 501];
/** What gateways also answer: it may be its own once it is known to be there. */
const SEEN: readonly number[] = [...EXPLAINED, 406, 408, 411, 428, 502, 504];
/** What asks for rights that the public part of the API does not ask for. */
const RIGHTS: readonly number[] = [401, 402, 403, 405];
/** What a server that knows api.md only may also answer to a path that it does not have. */
const NO_SUCH_PATH: readonly number[] = [400, 401, 404, 410, 429];

/** Whether something in front of the server, or of its storage, refused in its place. */
export function isFromFront(response: Evidence, { place, server, access }: Peer): boolean {
  if (problemOf(response)?.code !== undefined) return false;
  if (place === 'storage' && storeCode(response) !== undefined) return false;
  if (server === 'problems' || server === 'blocked' || isUnmistakable(response)) return true;
  const { status, text } = response;
  if (access === 'public' && RIGHTS.includes(status)) return true;
  if (server === 'api' || place === 'storage') {
    return ![...MEANT, ...SEEN].includes(status) || (place === 'storage' && isPage(text));
  }
  if (isPage(text)) return true;
  if (access === 'url' && status === 410) return false; // a file that is gone
  return !MEANT.includes(status) && (text.trim() === '' || !EXPLAINED.includes(status));
}

/** Whether it takes knowing the kind of server to say who refused. For trouble that may pass it makes no difference. */
export function isAmbiguous(response: Evidence, peer: Peer): boolean {
  if (response.status >= 500 || [408, 425, 429].includes(response.status)) return false;
  const isFront = (server: ServerKind) => isFromFront(response, { ...peer, server });
  return isFront('problems') && !isFront('unknown');
}

/** Whether a response to what asks for nothing shows that no request gets through to a server. */
export function isBlocking(response: Evidence): boolean {
  const { status } = response;
  if (status >= 300 && status < 400) return findFront(response).isLogin;
  return status >= 400 && status < 500 && (!NO_SUCH_PATH.includes(status) || isUnmistakable(response));
}

/** A problem of the API. JSON of others may have a `code` as well, but of other meanings or for other statuses. */
export function problemOf({ status, text, header }: Evidence): ProblemBody | undefined {
  const problem = decodeIfMatching(ProblemBody, text);
  if (problem?.code === undefined || isOfMediaType(header('content-type'))) return problem;
  const meant = new Map<string, number>(Object.entries(PROBLEM_STATUS)).get(problem.code);
  if (meant === status) return problem;
  const { code: _, ...rest } = problem;
  return rest;
}

function isOfMediaType(value = ''): boolean {
  return value.trim().toLowerCase().startsWith(PROBLEM_CONTENT_TYPE);
}
