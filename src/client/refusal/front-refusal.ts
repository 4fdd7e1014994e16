import { OtaError, type OtaErrorCode } from '../../errors.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { parseRetryAfter } from '../retry.ts';
import { type Evidence, type Front, findFront } from './front.ts';

/** What the refusal keeps from being reached. */
export type Behind = 'server' | 'storage';

export interface FrontRefusalOptions {
  /** The address, as it may be shown. */
  readonly address: string;
  readonly behind: Behind;
  readonly now: Date;
}

/** The error for a refusal by something in front: `network` where a retry may help, else `not_the_api`. */
export function frontRefusal(response: Evidence, { address, behind, now }: FrontRefusalOptions): OtaError {
  const { status } = response;
  const front = findFront(response);
  const who = front.name ?? 'something';
  const message = `${address}: status ${status} came from ${who} in front of the ${behind}, not from the ${behind} itself`;
  return new OtaError(codeOf(status), message, {
    status,
    inFront: true,
    hint: hintFor(response, front, behind),
    retryAfterMs: parseRetryAfter(response.header('retry-after'), now),
  });
}

/** What lets a machine through a login, for hints. */
export function passLogin({ name }: Front): string {
  if (name === 'Cloudflare Access') {
    return "Give CI a service token of Cloudflare Access: --header 'CF-Access-Client-Id: …' and --header 'CF-Access-Client-Secret: …', or both in SYNCKIT_OTA_HEADERS.";
  }
  return `${name ?? 'It'} asks for a login of its own. If --server is right, let it pass ${API_ROOT} without one, or give what it accepts from machines with --header 'Name: value' or SYNCKIT_OTA_HEADERS.`;
}

function codeOf(status: number): OtaErrorCode {
  if ([501, 505, 511].includes(status)) return 'not_the_api'; // what it does not support, and a login
  return status === 408 || status === 425 || status === 429 || status >= 500 ? 'network' : 'not_the_api';
}

const BODY_LIMITS: Readonly<Record<string, string>> = {
  nginx: 'client_max_body_size 0',
  Apache: 'LimitRequestBody 0',
  Caddy: 'a higher max_size of request_body',
  Cloudflare: 'a plan or a DNS record without its limit, which is 100 MB a request on most plans',
  IIS: 'a higher maxAllowedContentLength',
};

function hintFor(response: Evidence, front: Front, behind: Behind): string {
  const { status } = response;
  if (front.isLogin || status === 401 || status === 511) return passLogin(front);
  if (status === 400 && isPlainHttpOnTls(response)) return 'The port speaks TLS: use https:// for it.';
  if (status === 400 && /SSL certificate/i.test(response.text)) {
    return 'It asks for a certificate of the client, which is not supported: give CI a way to the server that needs none.';
  }
  if (status === 413) return bodyLimitHint(front);
  if (status === 403) {
    return `A rule of it refuses the request: a firewall, a block of countries or addresses, or an allow-list. Let it pass ${API_ROOT} from here with the methods GET, HEAD, POST, PUT, PATCH and DELETE${rayOf(response)}.`;
  }
  if (status === 405 || status === 501) {
    return 'Let it pass on the methods GET, HEAD, POST, PUT, PATCH and DELETE.';
  }
  if (status === 404 || status === 410 || status === 421) {
    return behind === 'server'
      ? `Another site may answer there. Check --server, which is the base URL with its path prefix if it has one, and that ${API_ROOT} is passed on to the server.`
      : 'Another site may answer there. Check the address of the storage that the server hands out.';
  }
  if (status === 414 || status === 431) return 'Let it accept longer URLs and headers.';
  if (status === 429) return 'Wait a while, or raise its limit, then run the same command again.';
  if (status === 525 || status === 526) return `Correct the certificate of the ${behind} behind it.`;
  if (status === 502 && front.name === 'Caddy') {
    return `The ${behind} behind it is down or restarting, or a file is larger than max_size of its request_body: check both, then run the same command again.`;
  }
  if (status >= 500 || status === 408) {
    return `The ${behind} behind it is down, restarting or too slow: check that it runs, then run the same command again${rayOf(response)}.`;
  }
  return `Look into its log for the reason${rayOf(response)}.`;
}

function bodyLimitHint({ name }: Front): string {
  const own = name === undefined ? undefined : BODY_LIMITS[name];
  if (own !== undefined) return `It limits the size of a request's body. Set ${own}.`;
  return "It limits the size of a request's body. Raise that: client_max_body_size of nginx, LimitRequestBody of Apache, max_size of Caddy's request_body, or the 100 MB of Cloudflare.";
}

/** The texts of nginx, Apache, and Go's servers such as Caddy. */
function isPlainHttpOnTls({ text }: Evidence): boolean {
  return /plain HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL-enabled|HTTP request to an HTTPS server/.test(
    text,
  );
}

function rayOf(response: Evidence): string {
  const ray = /^[0-9a-f]{8,32}(?:-[A-Z]{3})?$/.exec(response.header('cf-ray') ?? '')?.[0];
  return ray === undefined ? '' : ` (Cloudflare's Ray ID is ${ray})`;
}
