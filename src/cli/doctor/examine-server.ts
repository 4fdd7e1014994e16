import { describePage, findFront, isUnmistakable } from '../../client/refusal/front.ts';
import { isPage, type ReceivedResponse, receive } from '../../client/response.ts';
import { findTlsFault } from '../../client/transport/tls-error.ts';
import { OtaError } from '../../errors.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { type Capabilities, readCapabilities } from '../../publish/server-state/server-state.ts';
import type { Remote } from '../wiring/connect.ts';
import type { Finding } from './finding.ts';

/** How long a server may take, in milliseconds. */
const TIMEOUT_MS = 15_000;
/** How far the clocks of the server and of this machine may be apart, in milliseconds. */
const CLOCK_TOLERANCE_MS = 60_000;

export interface ExaminedServer {
  readonly findings: readonly Finding[];
  /** Undefined where nothing of the API answers. */
  readonly capabilities: Capabilities | undefined;
}

/** Whether a server answers, and what stands in front of it. Without a token. */
export async function examineServer(remote: Remote, now: () => number = Date.now): Promise<ExaminedServer> {
  const { client } = remote;
  try {
    const capabilities = await readCapabilities(remote);
    if (capabilities.extensions.size === 0) return await examineFront(remote, capabilities, now);
    return { findings: clockFindings(client.clockLeadMs), capabilities };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'interrupted') throw error;
    if (error.status === undefined)
      return { findings: [unreachable(error, client.server)], capabilities: undefined };
    return examineFront(remote, undefined, now);
  }
}

/** What answers in place of a server with extensions. @param capabilities of a server without any, if it is one */
async function examineFront(
  remote: Remote,
  capabilities: Capabilities | undefined,
  now: () => number,
): Promise<ExaminedServer> {
  const { client, signal } = remote;
  const url = new URL(client.server.href.replace(/\/$/, '') + API_ROOT);
  try {
    const response = await remote.transport.send({
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      idleTimeoutMs: TIMEOUT_MS,
      signal,
    });
    const received = await receive(response, url);
    const clock = clockFindings(leadOf(received, now()));
    const front = frontFinding(received) ?? (capabilities === undefined ? failing(received) : undefined);
    if (front !== undefined) return { findings: [front, ...clock], capabilities: undefined };
    return { findings: clock, capabilities };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'interrupted') throw error;
    return { findings: [unreachable(error, client.server)], capabilities: undefined };
  }
}

function frontFinding(response: ReceivedResponse): Finding | undefined {
  const { status, url } = response;
  const location = response.header('location');
  const front = findFront(response);
  if (status >= 300 && status < 400 && location !== undefined) {
    const to = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    const place = to === undefined ? 'another place' : to.origin + to.pathname;
    return {
      id: front.isLogin ? 'server.in_front' : 'server.redirect',
      code: 'not_the_api',
      cause: `${url.origin}${url.pathname} redirects to ${place}${front.isLogin ? ', which asks for a login' : ''}`,
      fix: front.isLogin
        ? 'Let /api/sync/ota through without a login: the server verifies tokens itself, and installed apps have none.'
        : `Use ${place.replace(API_ROOT, '') || '/'} as the server, and in the endpoints of the app: the token is not sent along a redirect.`,
    };
  }
  if (status >= 500 && !isPage(response.text)) return failing(response);
  if (!isPage(response.text) && !isUnmistakable(response)) return undefined;
  const name = front.name ?? 'something';
  return {
    id: 'server.in_front',
    code: status >= 500 ? 'network' : 'not_the_api',
    cause: `${url.origin}${url.pathname} is answered by ${name} with ${describePage(front)} (status ${status}), and not by the server`,
    fix: `Let ${API_ROOT} through to the server, without a login or a challenge; docs/self-hosting/reverse-proxy.md shows how.`,
  };
}

function failing({ url, status }: ReceivedResponse): Finding {
  return {
    id: 'server.failing',
    code: 'network',
    cause: `${url.origin}${url.pathname} answers with status ${status}`,
    fix: "Read the server's log. If it is just starting, run the same command again.",
  };
}

/** How far the server's clock is ahead, in milliseconds. A cache says how old its answer is (RFC 9111, "Age"). */
function leadOf(response: ReceivedResponse, now: number): number {
  const age = Number(response.header('age') ?? 0) * 1000;
  return Date.parse(response.header('date') ?? '') + age - now;
}

function clockFindings(leadMs: number): Finding[] {
  const apart = Math.abs(leadMs);
  if (Number.isNaN(leadMs) || apart < CLOCK_TOLERANCE_MS) return [];
  const minutes = Math.round(apart / 60_000);
  return [
    {
      id: 'server.clock',
      code: undefined,
      cause: `the clocks of the server and of this machine are ${minutes} min apart: the server's is ${leadMs > 0 ? 'ahead' : 'behind'}`,
      fix: 'Synchronise both: the expiry of URLs, tokens, identities of CI jobs and manifests goes by them.',
    },
  ];
}

/** For an error of the first request, or of any later one. */
export function unreachable(error: OtaError, server: URL): Finding {
  const tls = findTlsFault(error);
  if (tls !== undefined) {
    const cause = `${server.origin} ${tls.fault}`;
    return { id: 'server.certificate', code: error.code, cause, fix: tls.hint };
  }
  const fix = error.hint ?? 'Check the address, and that the server runs and is reached from here.';
  const id = error.code === 'not_the_api' ? 'server.in_front' : 'server.unreachable';
  return { id, code: error.code, cause: error.message, fix };
}
