import { type LookupAddress, type LookupOptions, lookup as lookupName } from 'node:dns';
import { messageOf } from '../../runtime/error-details.ts';
import { addressKind } from '../../runtime/network/internal-address.ts';

const CONNECT_MS = 5000;
/** From the start to the head of the response. */
const RESPONSE_MS = 15_000;

export interface PostOptions {
  readonly url: URL;
  /** Whether it may lead to this machine or its network. */
  readonly allowPrivate: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal?: AbortSignal | undefined;
  /** Default: 15 s. */
  readonly timeoutMs?: number | undefined;
}

/** `kind` `aborted`: by the signal. */
export type PostResult =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'aborted' };

/**
 * Sends one request to wherever somebody has named. The addresses of the name are checked when they are connected to; redirects
 * are not followed, no proxy is used, and of the response only the head is read.
 */
export async function postMessage(options: PostOptions): Promise<PostResult> {
  const { url, allowPrivate, headers, body, signal, timeoutMs = RESPONSE_MS } = options;
  const refusal = refusedAddress(url.hostname.replace(/^\[|\]$/g, ''), allowPrivate);
  if (refusal !== undefined) return { kind: 'failed', reason: refusal };
  const { default: undici } = await import('undici'); // large, and only servers with webhooks need it
  const timeout = AbortSignal.timeout(timeoutMs);
  const agent = new undici.Agent({ connect: { timeout: CONNECT_MS, lookup: checkedLookup(allowPrivate) } });
  try {
    const response = await undici.request(url, {
      ...{ dispatcher: agent, method: 'POST', headers, body },
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    response.body.on('error', () => {}); // it is not read
    const { statusCode: status } = response;
    return { kind: 'answered', status, retryAfterMs: waitIn(response.headers['retry-after']) };
  } catch (error) {
    if (signal?.aborted) return { kind: 'aborted' };
    const reason = timeout.aborted ? `no response in ${timeoutMs / 1000} s` : reasonOf(error);
    return { kind: 'failed', reason };
  } finally {
    await agent.destroy().catch(() => {});
  }
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** Looks a name up, and has only those addresses connected to that may be. */
function checkedLookup(allowPrivate: boolean) {
  return (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    lookupName(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const allowed = addresses.filter(({ address }) => refusedAddress(address, allowPrivate) === undefined);
      const [first] = allowed;
      if (first === undefined) {
        const reason = refusedAddress(addresses[0]?.address ?? '', allowPrivate) ?? 'it has no address';
        return callback(new Error(`${hostname}: ${reason}`), []);
      }
      if (options.all) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

/** Why an address is not connected to; undefined where it is, and for a name. */
export function refusedAddress(address: string, allowPrivate: boolean): string | undefined {
  const kind = addressKind(address);
  // Where clouds hand out credentials.
  if (kind === 'link_local') return 'it leads to an address of the machine’s own link';
  if (kind === undefined || allowPrivate) return undefined;
  return 'it leads to this machine or its own network, which --allow-private allows';
}

function reasonOf(error: unknown): string {
  const inner = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  return messageOf(inner) || 'the connection failed';
}

/** `Retry-After` in seconds; as a date it is not read. */
function waitIn(header: string | string[] | undefined): number | undefined {
  const text = String(header ?? '');
  return /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;
}
