import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type RouteName, routes } from '../../../src/protocol/routes.ts';
import type { Answer, Fault } from '../../support/network/fault.ts';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { times } from '../../support/process/torture.ts';
import { publishLinux, startWorld, writeBundle } from '../../support/publish/world.ts';

const MIB = 1024 * 1024;
/** Each attack is tested on every nth request of a publish; on all of them in torture. */
const STEP = times(6, 1);

/** Routes with a file as response, not JSON: an error there is found by verifying. */
const FILES: readonly RouteName[] = ['download', 'storedFile'];
/** Routes with any response accepted: api.md shows none, or does not have the route. */
const ANY: readonly RouteName[] = ['capabilities', 'setSlug', 'upload'];

interface Attack {
  readonly name: string;
  readonly fault: Fault;
  /** The exit code on a route that accepts any response. */
  readonly exitOfAny: (route: RouteName) => number;
}

const answering = (status: number, body: string | Buffer, headers: Answer['headers'] = {}): Fault => ({
  at: 'applied',
  outcome: { status, headers: { 'content-type': 'application/json', ...headers }, body: Buffer.from(body) },
});

const endless: Fault = {
  at: 'applied',
  outcome: {
    respond(response) {
      const blanks = Buffer.alloc(MIB, ' ');
      const goOn = () => {
        while (!response.destroyed && response.write(blanks));
      };
      response.writeHead(200).on('drain', goOn);
      goOn();
    },
  },
};

const ATTACKS: readonly Attack[] = [
  { name: 'never ends', fault: endless, exitOfAny: () => 8 },
  {
    name: 'is a gzip bomb',
    fault: answering(200, gzipSync(Buffer.alloc(256 * MIB)), { 'content-encoding': 'gzip' }),
    exitOfAny: () => 0,
  },
  { name: 'is a million arrays deep', fault: answering(200, '['.repeat(1_000_000)), exitOfAny: () => 0 },
  {
    name: 'is an HTML page',
    fault: answering(200, '<!doctype html><title>Log in</title>', { 'content-type': 'text/html' }),
    exitOfAny: (route) => (route === 'setSlug' ? 8 : 0),
  },
];

/** An undisturbed publish of one file through a proxy. */
async function startRound() {
  const proxy = await startFaultProxy();
  const world = await startWorld(['--public-url', proxy.url.href], proxy.url);
  proxy.target = world.server.url;
  const file = await writeBundle(world.folder, 'App.AppImage');
  let version = 0;
  const publish = () =>
    world.run(publishLinux(`1.${++version}.0`, file, '--slug', `app-${version}`, '--verbose'));
  expect(await publish()).toMatchObject({ code: 0 });
  return { proxy, world, publish, recorded: [...proxy.requests] };
}

/** Publishes with the fault in each request, one after the other. */
async function attackEach(
  fault: Fault,
  expectedExit: (route: RouteName) => number,
  step: number,
  offset: number,
) {
  const { proxy, world, publish, recorded } = await startRound();
  for (const [i, request] of recorded.entries()) {
    if ((i + offset) % step !== 0) continue;
    const route = routeOf(request);
    const attacked = proxy.requests.length + i + 1;
    proxy.inject = ({ number }) => (number === attacked ? fault : undefined);
    const { code, stdout, stderr } = await publish();
    proxy.inject = () => undefined;
    expect(proxy.requests[attacked - 1]?.struck).toBe(true);
    expect(code, `${route}: ${stderr}`).toBe(expectedExit(route));
    expect(stdout + stderr).not.toContain(world.app.token.slice(4));
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr.length).toBeLessThan(5000);
  }
}

describe('R57 a publish to a server with one response that', () => {
  test.each(ATTACKS)(
    '$name ends with the right exit code',
    async ({ fault, exitOfAny }) => {
      const exit = (route: RouteName) =>
        FILES.includes(route) ? 6 : ANY.includes(route) ? exitOfAny(route) : 8;
      await attackEach(
        fault,
        exit,
        STEP,
        ATTACKS.findIndex((attack) => attack.fault === fault),
      );
    },
    120_000,
  );

  test.each([301, 302, 303, 307, 308])(
    'redirects (%i) to another server sends nothing there but the request for a file',
    async (status) => {
      const collected: IncomingMessage[] = [];
      const collector = await listenHttp((request, response) => {
        collected.push(request);
        response.end('other bytes');
      });
      const fault = answering(status, '', { location: collector.href });
      const exit = (route: RouteName) => (FILES.includes(route) ? 6 : route === 'capabilities' ? 0 : 8);
      await attackEach(fault, exit, STEP, status);
      for (const { method, headers } of collected) {
        expect(method).toBe('GET');
        expect(headers).not.toHaveProperty('authorization');
      }
    },
    120_000,
  );
});

test('R57 the token is sent only to its own origin, and only to routes that need it', async () => {
  const { proxy, world, publish } = await startRound();
  const storage = await startFaultProxy(world.server.url);
  const elsewhere = (text: string) =>
    text.replaceAll(/http:[^"]*(?=\/api\/sync\/ota\/(up|down)loads\/)/g, storage.url.origin);
  const moveStorage = ({ status, headers, body }: Answer): Answer => ({
    status,
    headers: { ...headers, ...(headers.location && { location: elsewhere(headers.location) }) },
    body: Buffer.from(elsewhere(Buffer.from(body).toString('latin1')), 'latin1'),
  });
  proxy.inject = () => ({ at: 'applied', outcome: moveStorage });
  const before = proxy.requests.length;
  expect(await publish()).toMatchObject({ code: 0 });

  const api = proxy.requests.slice(before);
  expect(new Set(storage.requests.map(routeOf))).toEqual(new Set(['upload', 'storedFile']));
  expect(api.map(routeOf)).not.toContain('upload');
  for (const { headers, url } of storage.requests) {
    expect(JSON.stringify(headers) + url).not.toContain(world.app.token.slice(4));
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('cookie');
  }
  for (const request of api) {
    const wantsToken = routes[routeOf(request)].access !== 'public';
    expect(request.headers.authorization, routeOf(request)).toBe(
      wantsToken ? `Bearer ${world.app.token}` : undefined,
    );
    expect(request.url).not.toContain(world.app.token.slice(4));
  }
});
