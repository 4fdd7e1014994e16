import { randomBytes, randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { routes } from '../../../src/protocol/routes.ts';
import { DisturbedStore } from '../../support/faults/disturbed-store.ts';
import { residentOf } from '../../support/process/resident-memory.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';

const REQUESTS = times(4000, 1_000_000);
const AT_ONCE = 20;
/** How many requests share a connection, at most. */
const PIPELINED = 4;
const ANSWER_MS = 3000;
/** From the first tenth to the end, in MiB: garbage, not what requests leave behind. */
const GROWTH = 60;

const ODD: readonly string[] = [
  '',
  '..',
  '%00',
  '%2e%2e%2f',
  '\u0000',
  '999999999999999999999',
  '-1',
  'null',
  'x'.repeat(3000),
  `1.0.0-${'0'.repeat(300)}`,
  '💥',
  '%ff%fe',
  "'; drop table apps; --",
];
const HEADERS: readonly string[] = [
  'Expect: 100-continue',
  'Transfer-Encoding: chunked',
  'Content-Length: 5',
  'Content-Length: -1',
  'Range: bytes=0-',
  'If-None-Match: *',
  'X-Forwarded-For: 1.2.3.4, ,',
  'Content-Type: application/json',
  'Accept-Encoding: \t',
  'Upgrade: websocket',
  'Host: a',
];

const oneOf = <T>(items: readonly T[]): T => items[randomInt(items.length)] as T;
const chance = (percent: number) => randomInt(100) < percent;

/** A request that is mostly like those of clients. */
function requestLike(app: { readonly id: string; readonly token: string }): Buffer {
  const { method, path } = oneOf(Object.values(routes));
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => parameterOf(name, app.id));
  const body = chance(50) ? JSON.stringify(documentLike(3)) : '';
  const lines = [
    `${chance(95) ? method : oneOf(['GET', 'PATCH', 'BREW', 'CONNECT'])} ${filled} HTTP/1.1`,
    'Host: localhost',
    ...(chance(80) ? [`Authorization: Bearer ${chance(90) ? app.token : oneOf(ODD)}`] : []),
    ...(body !== '' ? ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`] : []),
    ...(chance(20) ? [oneOf(HEADERS)] : []),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

function parameterOf(name: string, appId: string): string {
  if (chance(15)) return oneOf(ODD).replaceAll(' ', '');
  const likely: Readonly<Record<string, string>> = {
    app_id: appId,
    slug: 'my-app',
    target: oneOf(['linux', 'darwin', 'windows', 'custom']),
    arch: oneOf(['x86_64', 'aarch64', 'riscv64', 'z80']),
    current_version: oneOf(['0.0.1', '1.0.0-beta', 'v1', '1']),
  };
  return likely[name] ?? randomBytes(8).toString('hex');
}

function documentLike(depth: number): unknown {
  if (depth === 0 || chance(20)) return oneOf<unknown>([null, true, -1, 1e308, ...ODD]);
  const names = [
    'version',
    'notes',
    'signature',
    'draft',
    'expect',
    'channel',
    'target',
    'arch',
    'file_size',
    'sha256',
    'slug',
    'status',
    '__proto__',
  ];
  return Object.fromEntries(
    Array.from({ length: randomInt(6) }, () => [
      oneOf(names),
      chance(50) ? oneOf<unknown>(['1.0.0', 'linux', 'x86_64', 5, ...ODD]) : documentLike(depth - 1),
    ]),
  );
}

/** The same with some of its bytes changed, cut or doubled; or bytes alone. */
function mutated(request: Buffer): Buffer {
  if (chance(10)) return randomBytes(randomInt(1, 400));
  const bytes = Buffer.from(request);
  for (let i = randomInt(1, 8); i > 0; i--) bytes[randomInt(bytes.length)] = randomInt(256);
  return chance(30) ? bytes.subarray(0, randomInt(bytes.length)) : bytes;
}

/** @returns the statuses of all answers */
function send(url: URL, bytes: Buffer): Promise<number[]> {
  return new Promise((resolve) => {
    const socket = connect(Number(url.port), url.hostname);
    let answer = '';
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    socket.on('error', () => {}); // it may cut the connection, and say so
    socket.on('close', () =>
      resolve([...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))),
    );
    socket.end(bytes);
  });
}

test(
  `R52: ${REQUESTS} fuzzed requests crash nothing, get no unexpected 5xx, and leave no memory behind`,
  async () => {
    const dataDir = join(await tempFolder(), 'data');
    await mkdir(dataDir, { mode: 0o700 });
    const store = new DisturbedStore(dataDir);
    await store.start();
    onTestFinished(async () => {
      await store.server.stop('SIGKILL');
    });
    const live = await store.prepare('live');
    const url = new URL(store.server.url);
    const counts = new Map<number, number>();
    let sent = 0;
    let early: number | undefined;
    const sendSome = async () => {
      while (sent < REQUESTS) {
        const requests = Array.from({ length: randomInt(1, PIPELINED + 1) }, () => {
          const request = requestLike(store.app);
          return chance(65) ? request : mutated(request);
        });
        sent += requests.length;
        for (const status of await send(url, Buffer.concat(requests))) {
          counts.set(status, (counts.get(status) ?? 0) + 1);
        }
        if (sent > REQUESTS / 10) early ??= residentOf(store.server.pid);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sendSome));
    console.log(`R52: ${[...counts].map(([status, count]) => `${status}: ${count}`).join(', ')}`);
    const unexpected = [...counts.keys()].filter(
      (status) => status >= 500 && status !== 501 && status !== 505,
    );
    expect(unexpected).toEqual([]);
    expect(store.server.logs().filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect(residentOf(store.server.pid) - (early ?? 0)).toBeLessThan(GROWTH);
    expect(live).toBe('1.0.0');
    const check = await fetch(`${url.origin}/api/sync/ota/my-app/linux/x86_64/0.0.1`);
    expect([200, 404]).toContain(check.status); // what was fuzzed may be released, or have another slug
    expect(await store.server.stop()).toBe(0);
  },
  times(180_000, 7_200_000),
);
