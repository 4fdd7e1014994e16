import { unsafePlaceOf, unsafeRedirect } from '../../client/handed-out-url.ts';
import { receive } from '../../client/response.ts';
import { Retry } from '../../client/retry.ts';
import { findTlsFault } from '../../client/transport/tls-error.ts';
import { displayUrl, type Transport } from '../../client/transport/transport.ts';
import { OtaError } from '../../errors.ts';
import type { Publisher } from '../publisher.ts';
import { type EndpointResponse, toEndpointResponse } from './endpoint-response.ts';
import { decoded } from './endpoint-url.ts';

/** How long an endpoint may take to answer, redirects included, in milliseconds. */
const TIMEOUT_MS = 10_000;
const MAX_ATTEMPTS = 3;
/** As many as Tauri's updater follows. */
const MAX_REDIRECTS = 10;
/** Larger than any answer to an update check, in bytes: the address may be anyone's. */
const MAX_ANSWER_BYTES = 256 * 1024;

const UNREACHABLE = 'it cannot be reached from here: ';

type Asker = Pick<Publisher, 'client' | 'retry' | 'transport' | 'sleep' | 'signal'>;

/**
 * Asks an endpoint as Tauri's updater does: redirects are followed, and no token is sent. What may pass is tried
 * three times, at the server itself for as long as its other requests.
 * @throws only what ends the whole run
 */
export async function askEndpoint(asker: Asker, url: URL): Promise<EndpointResponse> {
  const { client, transport, sleep, signal } = asker;
  const patienceMs = url.origin === client.server.origin ? asker.retry.patienceMs : undefined;
  const retry = new Retry({ maxAttempts: MAX_ATTEMPTS, patienceMs, sleep });
  let refused: EndpointResponse | undefined;
  try {
    return await retry.run(async () => {
      refused = undefined;
      const answer = await askOnce(transport, url, signal);
      if (answer.kind !== 'refused' || !mayPass(answer.status)) return answer;
      refused = answer;
      throw new OtaError('network', `${displayUrl(url)}: status ${answer.status}`);
    });
  } catch (error) {
    if (signal?.aborted || !(error instanceof OtaError)) throw error;
    if (refused !== undefined) return refused;
    const untrusted = findTlsFault(error)?.isCertificate ?? false;
    const prefix = error.code === 'network' ? UNREACHABLE : '';
    return { kind: 'unreachable', reason: prefix + error.message, untrusted };
  }
}

function mayPass(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

async function askOnce(
  transport: Transport,
  start: URL,
  signal: AbortSignal | undefined,
): Promise<EndpointResponse> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
  let url = start;
  try {
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const response = await send(transport, url, either);
      const location = response.header('location');
      const isRedirect = response.status >= 300 && response.status < 400 && location !== undefined;
      if (!isRedirect) return toEndpointResponse(response);
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next === undefined || !/^https?:$/.test(next.protocol)) return toEndpointResponse(response);
      const unsafe = unsafePlaceOf(next, url);
      if (unsafe !== undefined) throw unsafeRedirect(unsafe, next, displayUrl(url));
      url = next;
    }
  } catch (error) {
    if (signal?.aborted || !timeout.aborted) throw error;
    const reason = `${UNREACHABLE}${url.origin} did not answer within ${TIMEOUT_MS / 1000} s`;
    return { kind: 'unreachable', reason, untrusted: false }; // waiting again would take as long
  }
  throw new OtaError('not_the_api', `${displayUrl(start)} redirects more than ${MAX_REDIRECTS} times`);
}

async function send(transport: Transport, url: URL, signal: AbortSignal) {
  const { username, password } = url;
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  const credentials = `${decoded(username)}:${decoded(password)}`;
  const response = await transport.send({
    method: 'GET',
    url: bare,
    headers: {
      accept: 'application/json',
      ...(username !== '' && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    },
    idleTimeoutMs: TIMEOUT_MS,
    asApp: true,
    signal,
  });
  return receive(response, bare, { maxBytes: MAX_ANSWER_BYTES });
}
