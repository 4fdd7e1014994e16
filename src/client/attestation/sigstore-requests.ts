import { OtaError } from '../../errors.ts';
import { withoutEndSlashes } from '../../protocol/routes.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { readBytes } from '../response.ts';
import { parseRetryAfter } from '../retry.ts';
import { displayUrl, type Transport } from '../transport/transport.ts';

const TIMEOUT_MS = 30_000;
const LIMIT = { maxBytes: 1024 * 1024 };
const MAX_SHOWN = 300;

export interface SigstoreConnection {
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
}

/** What a service is asked for, and what its refusal means. */
export interface SigstoreRequest {
  /** The service's base URL. */
  readonly base: URL;
  readonly path: string;
  readonly body: unknown;
  /** For people. */
  readonly service: string;
  readonly refusal: { readonly code: 'unauthorized' | 'preflight_refused'; readonly hint: string };
}

/** The URL of a service's endpoint, below the path of its base URL. */
export function endpoint(base: URL, path: string): URL {
  return new URL(`${withoutEndSlashes(base.href)}${path}`);
}

/** One POST. Redirects are not followed. @throws OtaError `network`; that of `refusal` for another refusal */
export async function post(
  { transport, signal }: SigstoreConnection,
  { base, path, body, service, refusal }: SigstoreRequest,
): Promise<Buffer> {
  const url = endpoint(base, path);
  const response = await transport.send({
    method: 'POST',
    url,
    headers: { accept: 'application/json, application/timestamp-reply', 'content-type': 'application/json' },
    body: JSON.stringify(body),
    idleTimeoutMs: TIMEOUT_MS,
    signal,
  });
  const bytes = await readBytes(response, url, LIMIT);
  const { status } = response;
  if (status === 200 || status === 201) return bytes;
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500;
  const said = reasonIn(bytes);
  throw new OtaError(
    isPassing ? 'network' : refusal.code,
    `${service} at ${displayUrl(url)} answered with status ${status}${said && `: ${said}`}`,
    {
      hint: isPassing ? 'Nothing is live. Run the same command again later.' : refusal.hint,
      retryAfterMs: parseRetryAfter(response.header('retry-after'), new Date()),
    },
  );
}

/** For an answer that is not what the service answers with. */
export function unexpectedAnswer({ base, path, service }: SigstoreRequest): OtaError {
  return new OtaError(
    'not_the_api',
    `${displayUrl(endpoint(base, path))} answered with something else than ${service}`,
    {
      hint: 'Check the URLs in the file of --sigstore-config.',
    },
  );
}

function reasonIn(bytes: Buffer): string {
  const text = bytes.toString('utf8').trim();
  try {
    const { message } = parseBoundedJson(text) as { message?: unknown };
    if (typeof message === 'string') return message.slice(0, MAX_SHOWN);
  } catch {
    // no JSON
  }
  return text.startsWith('<') ? '' : text.slice(0, MAX_SHOWN);
}
