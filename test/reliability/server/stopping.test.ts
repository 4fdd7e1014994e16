import net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';
import { publishLinux, serveUntilFinished, startWorld, writeBundle } from '../../support/publish/world.ts';

const ROUNDS = times(10, 50);
const CHECK = '/api/sync/ota/my-app/linux/x86_64/0.1.0';
const REQUEST = `GET ${CHECK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

type Outcome = 'answered' | 'refused' | 'dropped';

/** A check on a connection of its own. One that is refused was never accepted: its client may ask another server. */
function check(port: number): Promise<Outcome> {
  return new Promise((resolve) => {
    let reply = '';
    let isRefused = false;
    const socket = net.connect(port, '127.0.0.1', () => socket.write(REQUEST));
    socket.on('data', (chunk) => {
      reply += chunk;
    });
    socket.on('error', (error) => {
      isRefused = 'code' in error && error.code === 'ECONNREFUSED';
    });
    socket.on('close', () => {
      if (isRefused) resolve('refused');
      else resolve(/^HTTP\/1\.1 200 [\s\S]*\}$/.test(reply) ? 'answered' : 'dropped');
    });
  });
}

/** The system resets what it accepts between the server's last turn and the end of the listener. */
const MAX_SHARE = 0.002;

test.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
])(
  'crash C1: R54: %s stopped while clients open a connection for each check drops hardly any',
  async (_what, args) => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'app.AppImage');
    expect((await world.run(publishLinux('1.0.0', file))).code).toBe(0);
    await world.server.stop();
    const outcomes: Outcome[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await serveUntilFinished(world.dataDir, args);
      const port = Number(new URL(server.url).port);
      const clients = [1, 2, 3, 4].map(async () => {
        for (;;) {
          const outcome = await check(port);
          outcomes.push(outcome);
          if (outcome === 'refused') return;
        }
      });
      await sleep(300);
      expect(await server.stop()).toBe(0);
      await Promise.all(clients);
    }
    const count = (outcome: Outcome) => outcomes.filter((each) => each === outcome).length;
    console.log(`stopped ${ROUNDS} times: ${count('answered')} checks answered, ${count('dropped')} dropped`);
    expect(count('answered')).toBeGreaterThan(100 * ROUNDS);
    expect(count('dropped') / outcomes.length).toBeLessThan(MAX_SHARE);
  },
  120_000,
);

test('attack D01: workers limit the time for the head of a request, and answer who closes his side first', async () => {
  const server = await serveUntilFinished(join(await tempFolder(), 'data'), ['--workers', '2']);
  const port = Number(new URL(server.url).port);
  const slow = net.connect(port, '127.0.0.1', () => slow.write('GET /livez HTTP/1.1\r\nHost: lo'));
  const halfClosed = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () =>
    halfClosed.end('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  );
  expect(await text(halfClosed)).toMatch(/^HTTP\/1\.1 200/);
  expect(await text(slow)).toMatch(/^HTTP\/1\.1 408/);
}, 60_000);
