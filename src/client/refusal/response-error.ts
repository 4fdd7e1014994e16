import { OtaError, type OtaErrorCode } from '../../errors.ts';
import type { ProblemBody, ProblemCode } from '../../protocol/problem.ts';
import { describe, notTheApi, type ReceivedResponse } from '../response.ts';
import { parseRetryAfter } from '../retry.ts';
import { displayUrl } from '../transport/transport.ts';
import { findFront } from './front.ts';
import { frontRefusal, passLogin } from './front-refusal.ts';
import { isFromFront, type Peer, problemOf } from './peer.ts';
import { storeRefusal } from './store-refusal.ts';

/** How much of a server's message is shown, in characters. */
const MAX_SHOWN_LENGTH = 500;

/**
 * The error for a response other than 2xx: by the status where it is from the server itself, never by the text. Where
 * it is not, it says so.
 */
export function responseError(response: ReceivedResponse, peer: Peer, now: Date): OtaError {
  const { status } = response;
  if (status < 300) return notTheApi(response, `status ${status}, which the API does not use`);
  if (status < 400) return redirectError(response);
  const address = describe(response);
  if (isFromFront(response, peer)) return frontRefusal(response, { address, behind: peer.place, now });
  const refusal = peer.place === 'storage' ? storeRefusal(response, address) : undefined;
  if (refusal !== undefined) return refusal;
  return new OtaError(
    errorCodeOf(status, peer),
    `${address}: ${problemDetail(problemOf(response)) ?? `status ${status}`}`,
    {
      status,
      hint: hintFor(response, peer),
      retryAfterMs: parseRetryAfter(response.header('retry-after'), now),
    },
  );
}

/** Not followed, which keeps the token safe. */
function redirectError(response: ReceivedResponse): OtaError {
  const { status, url } = response;
  const location = response.header('location') ?? '';
  const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const to = target === undefined ? '' : ` to ${displayUrl(target)}`;
  const front = findFront(response);
  const by = front.isLogin ? ` of ${front.name ?? 'something in front of it'}, which asks for a login` : '';
  const isUpgrade =
    url.protocol === 'http:' && target?.protocol === 'https:' && target.hostname === url.hostname;
  return notTheApi(response, `a redirect (${status})${to}${by}, and redirects are not followed`, {
    hint: front.isLogin
      ? passLogin(front)
      : isUpgrade
        ? `Give the address with https://, like ${target.origin}.`
        : undefined,
  });
}

/** A problem's message as it may be shown: without what a terminal would obey, and as a clause that others follow. */
function problemDetail(problem: ProblemBody | undefined): string | undefined {
  const words = problem?.detail ?? problem?.title;
  const shown = words?.replace(/\p{C}+/gu, ' ').slice(0, MAX_SHOWN_LENGTH);
  return shown?.trimEnd().replace(/(?<!\.)\.$/, '');
}

/**
 * The exit code, and with it whether the request is tried again: `network` is (`retryable` in errors.ts). Decide by
 * `hasStatus` what a status means for a request. A storage knows no token, so it cannot refuse one.
 */
function errorCodeOf(status: number, { place }: Peer): OtaErrorCode {
  if (place === 'storage' && [401, 403, 404].includes(status)) return 'store_unavailable';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404) return 'usage';
  if (status === 409) return 'conflict';
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'network';
  return 'preflight_refused';
}

function hintFor(response: ReceivedResponse, { place, access }: Peer): string | undefined {
  const { status } = response;
  const problem = problemOf(response);
  const ofProblem = problemHints.get(problem?.code ?? '');
  if (ofProblem !== undefined) return ofProblem;
  if (place === 'storage') return unexplained.storage;
  if (status === 404 && access === 'url') return unexplained.goneUrl;
  if (status === 401 || status === 403) {
    if (access !== 'token') return problem?.code === undefined ? unexplained.url : undefined;
    return `${hints[status]}${problem?.code === undefined ? OR_IN_FRONT : ''}`;
  }
  return hints[status] ?? (problemDetail(problem) === undefined ? unexplained.server : undefined);
}

const OR_IN_FRONT =
  ' If something in front of the server asks for credentials of its own, give them with --header or SYNCKIT_OTA_HEADERS.';

/** By a problem's code. */
const problemHints: ReadonlyMap<string, string> = new Map<ProblemCode, string>([
  [
    'would_strand',
    'Publish a release first that leads them on. `publish`, `publish finish` and `releases` leave them behind with --allow-stranding.',
  ],
  [
    'approval_required',
    'Have somebody else run `publish finish`, with a token of their own that has the scope release:publish.',
  ],
  ['wrong_signing_key', 'Sign all files of a release with the same key.'],
  [
    'trusted_only',
    'Publish from a CI job that the app trusts; `synckit-ota apps trust APP` on the server lists them.',
  ],
  [
    'identity_refused',
    'Correct the workflow, or what the server trusts: `synckit-ota apps trust APP` there lists it. The audience is the address that --server is given as.',
  ],
  [
    'identity_used',
    'Give the job another identity token: each is accepted once. GitLab needs one for each command, named SYNCKIT_OTA_ID_TOKEN_2 and so on.',
  ],
  [
    'limit_reached',
    'Ask the operator of the server to raise the limit, or delete what is no longer needed with `synckit-ota releases delete`. Changes are limited by the hour.',
  ],
]);

const hints: Readonly<Record<number, string>> = {
  401: 'Give a valid token with --token-file or SYNCKIT_OTA_TOKEN.',
  403: 'Use a token with that scope: `synckit-ota tokens create --for manage` on the server gives those that change what is live.',
  404: 'Check --server, where another site may answer, and the id, slug or version that was given.',
  413: "The file or the request is larger than the server takes, or something in front of it: raise that limit, such as nginx's client_max_body_size.",
  429: 'Wait a while, then run the same command again.',
  507: 'Free space on the server, then run the same command again.',
};

/** For refusals that say nothing which is understood, or nothing about their reason. */
const unexplained = {
  server:
    "It gives no reason. Look into the server's log, and into that of what may stand in front of it, such as a reverse proxy or a CDN.",
  goneUrl:
    'The release or the upload no longer exists, or the URL that the server handed out leads to another one: check its --public-url, then run the same command again.',
  url: 'It refuses the URL that the server handed out. Run the same command again, and look into the log of the server and of what stands in front of it.',
  storage:
    'The storage gives no reason that is known. Its administrator can find it in its log, or in that of what stands in front of it; your token is not the reason.',
};
