import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { setLimits } from '../../../src/database/queries/app-limits.ts';
import { createToken } from '../../../src/database/queries/tokens.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { SCOPES } from '../../../src/protocol/access/scope.ts';
import { versionOrder } from '../../../src/protocol/version.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { peakOf } from '../../support/process/resident-memory.ts';
import { publishLinux, startWorld, type World, writeBundle } from '../../support/publish/world.ts';
import { addApp } from '../../support/server/add-app.ts';
import { by } from '../../support/server/by.ts';

/* One app's token does its worst, while the updates of another app are checked for. */

const NOTES = 'n'.repeat(60_000);
const MAX_MIB = 400;
const TIMEOUT_MS = 180_000;
const UNLIMITED = { drafts: null, notes_bytes: null, channels: null, pending_uploads: null, slugs: null };

interface Attacked extends World {
  readonly attacker: { readonly id: string; readonly token: string };
}

async function startAttacked(): Promise<Attacked> {
  const world = await startWorld();
  const published = await world.run(publishLinux('1.0.0', await writeBundle(world.folder, 'App.AppImage')));
  expect(published.code, published.stderr).toBe(0);
  const attacker = await inStore(world, (database) =>
    addApp(database, { name: 'Attacker', slug: 'attacker' }),
  );
  return { ...world, attacker };
}

async function inStore<T>({ dataDir }: World, use: (database: Database) => Promise<T>): Promise<T> {
  const database = await openSqlite({ dataDir });
  return use(database).finally(() => database.close());
}

function callAs({ server, attacker }: Attacked) {
  return (method: string, path: string, body?: object) =>
    fetch(`${server.url}/api/sync/ota/apps/${attacker.id}${path}`, {
      method,
      headers: { authorization: `Bearer ${attacker.token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
}

/** Checks for updates of the other app until an attack ends. @returns the times that they took, in milliseconds, sorted */
async function checksDuring({ server }: World, attack: Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let isOver = false;
  const over = attack.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const start = performance.now();
    const response = await fetch(
      `${server.url}/api/sync/ota/my-app/linux/x86_64/0.9.0?n=${times.length % 50}`,
    );
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await over;
  return times.sort((a, b) => a - b);
}

function expectServed(what: string, world: World, times: readonly number[]): void {
  const peak = peakOf(world.server.pid) ?? Number.NaN;
  const at = (share: number) => times[Math.floor(times.length * share)]?.toFixed(1);
  console.log(
    `${what}: ${peak.toFixed(0)} MiB resident at most; ${times.length} checks, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${times.at(-1)?.toFixed(1)} ms`,
  );
  expect(peak).toBeLessThan(MAX_MIB);
  expect(JSON.stringify(world.server.logs())).not.toMatch(/"level":(50|60)/);
}

/** Drafts that an operator has allowed, by SQL. */
async function addDrafts(world: Attacked, count: number): Promise<void> {
  await inStore(world, async ({ queries }) => {
    await setLimits(queries, { appId: world.attacker.id, changes: UNLIMITED }, by());
    const rows = Array.from({ length: count }, (_, i) => {
      const version = `1.${i}.0`;
      return {
        ...{ id: `draft-${i}`, app_id: world.attacker.id, version, precedence: version },
        ...{ version_order: versionOrder(version), status: 'draft' as const, channel: 'stable' },
        ...{ signing_key_id: null, embedded_pubkey: null, requires: null, allow_stranding: 0 },
        ...{ mandatory: 0, rolled_back: 0 },
        ...{
          expect: null,
          awaits_approval: 0,
          held_until: 0,
          pub_date: 0,
          created_at: 0,
          signature: null,
          notes: NOTES,
        },
      };
    });
    for (let i = 0; i < count; i += 100) {
      await queries
        .insertInto('releases')
        .values(rows.slice(i, i + 100))
        .execute();
    }
  });
}

/** Lists by a program of its own, so that this process only measures. @returns its exit code */
async function list({ server, attacker }: Attacked, query: string, token: string): Promise<unknown> {
  const url = `${server.url}/api/sync/ota/apps/${attacker.id}${query}`;
  const options = ['--silent', '--fail', '--output', '/dev/null', '-H', `Authorization: Bearer ${token}`];
  return (await once(spawn('curl', [...options, url], { stdio: 'ignore' }), 'exit'))[0];
}

/** One token has four reading requests at once. */
async function tokensFor(world: Attacked, requests: number): Promise<string[]> {
  const { id: appId } = world.attacker;
  const fields = { appId, name: 'reads', scopes: SCOPES, expiresAt: null };
  return inStore(world, async ({ queries, clock }) => {
    const tokens: string[] = [];
    for (let i = 0; i < requests; i++) {
      tokens.push(
        i % 4 === 0 ? (await createToken(queries, fields, by(clock()))).token : (tokens.at(-1) ?? ''),
      );
    }
    return tokens;
  });
}

describe.skipIf(process.platform !== 'linux' || !isInstalled('curl'))('(needs curl, reads /proc)', () => {
  test.each([8, 24])(
    'attack H1 D04: %i lists at once of 2,354 drafts with 60 KB of notes',
    async (count) => {
      const world = await startAttacked();
      await addDrafts(world, 2354);
      const tokens = await tokensFor(world, count);
      const lists = Promise.all(
        tokens.map((token, i) => list(world, i % 2 === 0 ? '/releases' : '?include=releases', token)),
      );
      const times = await checksDuring(world, lists);
      expect(new Set(await lists)).toEqual(new Set([0]));
      expectServed(`${count} lists`, world, times);
    },
    TIMEOUT_MS,
  );

  test(
    'attack H1 D10: every command of the owner works beside 285 drafts with 60 KB of notes',
    async () => {
      const world = await startAttacked();
      await addDrafts(world, 285);
      const env = { SYNCKIT_OTA_APP: world.attacker.id, SYNCKIT_OTA_TOKEN: world.attacker.token };
      const succeed = async (args: readonly string[]) => {
        const result = await world.run(args, { env });
        expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0);
        return result.stdout;
      };
      const file = await writeBundle(world.folder, 'Own.AppImage');
      const platform = `linux-x86_64=${file}`;
      await succeed(['publish', '--version', '2000.0.0', '--slug', 'attacker', '--artifact', platform]);
      await succeed(['publish', '--version', '2000.1.0', '--artifact', platform, '--draft']);
      await succeed(['publish', 'finish', '--release', '2000.1.0']);
      expect((await succeed(['releases', 'list'])).trim().split('\n')).toHaveLength(1 + 287);
      expect(JSON.parse(await succeed(['releases', 'list', '--json']))).toHaveLength(287);
      await succeed(['releases', 'show', '1.3.0']);
      await succeed(['releases', 'yank', '2000.1.0']);
      await succeed(['releases', 'restore', '2000.1.0']);
      await succeed(['releases', 'edit', '1.3.0', '--notes', 'n']);
      await succeed(['releases', 'delete', '1.3.0']);
      await succeed(['releases', 'delete', 'draft-4']);
    },
    TIMEOUT_MS,
  );

  test(
    'attack H1 L1 M8: a token that fills its app up to every limit',
    async () => {
      const world = await startAttacked();
      const call = callAs(world);
      const refused: Record<string, number> = {};
      const until = async (name: string, most: number, send: (i: number) => Promise<Response>) => {
        for (let i = 0; i < most; i++) {
          const response = await send(i);
          if (response.ok) continue;
          expect(await response.json()).toMatchObject({ code: 'limit_reached' });
          refused[name] = i;
          return;
        }
      };
      const attack = async () => {
        await until('drafts', 2354, (i) =>
          call('POST', '/releases', { version: `1.0.${i}`, draft: true, notes: NOTES }),
        );
        await until('slugs', 3000, (i) => call('PUT', '/slug', { slug: `brand-${i}` }));
        await until('channels', 800, (i) =>
          call('POST', '/releases', { version: `2.0.${i}`, channel: `pr-${i}`, signature: 's' }),
        );
        await until('notes', 2354, (i) => call('POST', '/releases', { version: `3.0.${i}`, notes: NOTES }));
        const [first] = (await (await call('GET', '/releases?limit=1')).json()) as { id: string }[];
        await until('uploads', 20_000, (i) =>
          call('POST', `/releases/${first?.id}/artifacts`, {
            ...{ target: `custom-${i}`, arch: 'x86_64', file_size: 1, signature: 's' },
          }),
        );
        for (let i = 0; i < 20; i++) {
          const { id } =
            ((await (await call('GET', '/releases?release=2.0.3')).json()) as { id: string }[])[0] ?? {};
          await call('PATCH', `/releases/${id}`, { status: i % 2 === 0 ? 'yanked' : 'published' });
          await fetch(`${world.server.url}/api/sync/ota/attacker/linux/x86_64/0.9.0`);
        }
      };
      const times = await checksDuring(world, attack());
      expect(refused).toMatchObject({ drafts: 200, slugs: 9, channels: 49, uploads: 200 });
      expectServed('up to every limit', world, times);
    },
    TIMEOUT_MS,
  );
});
