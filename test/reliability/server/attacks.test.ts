import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { attack } from '../../support/attack/attack.ts';
import type { AttackName, Target } from '../../support/attack/attacker.ts';
import { measureChecks } from '../../support/attack/measured-checks.ts';
import { peakOf } from '../../support/process/resident-memory.ts';
import { startWorld, type World } from '../../support/publish/world.ts';
import { addApp } from '../../support/server/add-app.ts';

const TIMEOUT_MS = 180_000;
/** Of the attacker. */
const FROM = '127.0.0.66';
const MAX_RSS_MIB = 400;
const GIB = 1024 ** 3;
const NOTES = 'n'.repeat(60_000);

interface App {
  readonly id: string;
  readonly token: string;
  readonly slug: string;
}

interface Upload {
  readonly url: string;
  put(bytes: Buffer): Promise<number>;
}

/** A server with an app that attacks, and another one that has to go on. */
class Attacked {
  readonly world: World;
  readonly attacker: App;
  readonly other: App;

  constructor(world: World, other: App) {
    this.world = world;
    this.attacker = { ...world.app, slug: 'attacker' };
    this.other = other;
  }

  static async start(): Promise<Attacked> {
    const world = await startWorld();
    const database = await openSqlite({ dataDir: world.dataDir });
    const other = await addApp(database).finally(() => database.close());
    const attacked = new Attacked(world, { ...other, slug: 'other' });
    for (const app of [attacked.attacker, attacked.other]) {
      await attacked.#call(app, 'PUT', '/slug', { slug: app.slug });
      const upload = await attacked.promise(app, '1.0.0', 10_000_000);
      expect(await upload.put(randomBytes(10_000_000))).toBe(200);
    }
    return attacked;
  }

  get port(): number {
    return Number(new URL(this.world.server.url).port);
  }

  checkPath({ slug }: App): string {
    return `/api/sync/ota/${slug}/linux/x86_64/0.1.0`;
  }

  releasesPath({ id }: App): string {
    return `/api/sync/ota/apps/${id}/releases`;
  }

  /** An upload into a new release. */
  async promise(app: App, version: string, size: number): Promise<Upload> {
    const release = { version, notes: NOTES, signature: 's' };
    const { id } = await this.#call(app, 'POST', '/releases', release);
    const artifact = { target: 'linux', arch: 'x86_64', file_size: size };
    const { upload_url: url } = await this.#call(app, 'POST', `/releases/${id}/artifacts`, artifact);
    const put = async (bytes: Buffer) =>
      (await fetch(url, { method: 'PUT', body: new Uint8Array(bytes) })).status;
    return { url, put };
  }

  /** Where an app's file is downloaded from. */
  async filePath(app: App): Promise<string> {
    const { server } = this.world;
    const offer = (await (await fetch(server.url + this.checkPath(app))).json()) as { url: string };
    const redirect = await fetch(offer.url, { redirect: 'manual' });
    const { pathname, search } = new URL(redirect.headers.get('location') ?? '');
    return pathname + search;
  }

  /** Attacks for a while. Checks of the other app have to be answered, in little memory. */
  async withstands(
    name: AttackName,
    target: Omit<Target, 'port' | 'from'>,
    durationMs = 12_000,
  ): Promise<void> {
    const { server } = this.world;
    const url = server.url + this.checkPath(this.other);
    const before = await measureChecks(url, 2000);
    await attack(name, { ...target, port: this.port, from: FROM });
    const measured = await measureChecks(url, durationMs);
    const rss = peakOf(server.pid) ?? Number.NaN;
    const times = ({ p50, p99, max }: typeof before) => [p50, p99, max].map((ms) => ms.toFixed(1)).join(', ');
    console.log(
      `${name}: ${measured.checks} checks of another app, p50, p99 and max ${times(measured)} ms (before: ${times(before)}), ` +
        `${measured.failed} not answered, ${rss.toFixed(0)} MiB resident at most`,
    );
    expect(measured.failed).toBe(0);
    expect(measured.checks).toBeGreaterThan(100);
    expect(rss).toBeLessThan(MAX_RSS_MIB);
  }

  /** Waits until the server has closed the connections of the attacker, which goes on. */
  async untilClosed(): Promise<void> {
    const start = performance.now();
    const open = () => readdirSync(`/proc/${this.world.server.pid}/fd`).length;
    await vi.waitFor(() => expect(open()).toBeLessThan(60), { timeout: 90_000, interval: 1000 });
    console.log(
      `all connections of the attacker were closed ${Math.round(performance.now() - start)} ms later`,
    );
  }

  async #call(
    app: App,
    method: string,
    path: string,
    body: object,
  ): Promise<Record<'id' | 'upload_url', string>> {
    const response = await fetch(`${this.world.server.url}/api/sync/ota/apps/${app.id}${path}`, {
      method,
      headers: { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.ok, await response.clone().text()).toBe(true);
    return (response.status === 204 ? {} : await response.json()) as Record<'id' | 'upload_url', string>;
  }
}

const pathOf = (url: string) => new URL(url).pathname + new URL(url).search;

describe.skipIf(process.platform !== 'linux')('while it is attacked, the server answers others', () => {
  test(
    'attack M10: 400 connections with 1,000 pipelined checks each that read no answer',
    async () => {
      const attacked = await Attacked.start();
      const paths = [attacked.checkPath(attacked.attacker)];
      await attacked.withstands('pipelining', { paths, connections: 400, requests: 1000 });
    },
    TIMEOUT_MS,
  );

  test(
    'attack M10: 400 connections with pipelined requests of other kinds that read no answer',
    async () => {
      const attacked = await Attacked.start();
      const { attacker } = attacked;
      const paths = [
        await attacked.filePath(attacker),
        attacked.releasesPath(attacker),
        '/nope',
        '/api/sync/ota',
        `${attacked.checkPath(attacker)}?channel=beta`,
      ];
      await attacked.withstands('pipelining', { paths, connections: 400, requests: 500 });
    },
    TIMEOUT_MS,
  );

  test(
    'attack H2: 40 uploads that announce 2 GiB and send a byte now and then, which keep no upload of another app out',
    async () => {
      const attacked = await Attacked.start();
      const { attacker, other } = attacked;
      const uploads = [];
      for (let i = 0; i < 40; i++) uploads.push(await attacked.promise(attacker, `2.0.${i}`, 2 * GIB));
      const paths = uploads.map(({ url }) => pathOf(url));
      const withstanding = attacked.withstands('announcing', { paths, connections: 80 });
      await sleep(4000);
      for (const [i, size] of [1_000_000, 50_000_000, 60_000_000].entries()) {
        const start = performance.now();
        const upload = await attacked.promise(other, `2.0.${i}`, size);
        expect(await upload.put(randomBytes(size))).toBe(200);
        console.log(
          `announcing: an upload of ${size / 1e6} MB took ${Math.round(performance.now() - start)} ms`,
        );
      }
      await withstanding;
      await attacked.untilClosed();
    },
    TIMEOUT_MS,
  );

  test(
    'attack M10: 1,000 requests that are sent byte by byte',
    async () => {
      const attacked = await Attacked.start();
      const { attacker, other, world } = attacked;
      const target = { paths: [attacked.releasesPath(attacker)], token: attacker.token, connections: 1000 };
      const withstanding = attacked.withstands('sending', target, 30_000);
      await sleep(5000);
      for (let i = 0; i < 5; i++) await attacked.promise(other, `2.0.${i}`, 1000); // writes go on, too
      await withstanding;
      const { pid } = world.server;
      expect(peakOf(pid)).toBeLessThan(MAX_RSS_MIB);
    },
    TIMEOUT_MS,
  );

  test(
    'attack M10: 200 downloads that are read a byte at a time',
    async () => {
      const attacked = await Attacked.start();
      const paths = [await attacked.filePath(attacked.attacker)];
      // On loopback the system keeps 4 MB for each, and slows all sockets down once these have 1 GB together.
      const withstanding = attacked.withstands('reading', { paths, connections: 200 });
      await sleep(5000);
      const file = await fetch(attacked.world.server.url + (await attacked.filePath(attacked.other)));
      expect((await file.arrayBuffer()).byteLength).toBe(10_000_000);
      await withstanding;
      await attacked.untilClosed();
    },
    TIMEOUT_MS,
  );

  test(
    'attack L7: a flood of long requests without a token, which leaves a short log',
    async () => {
      const attacked = await Attacked.start();
      const paths = ['/nope', '/api/sync/ota/apps/x/releases', '/api/sync/ota/downloads/x/y'].map(
        (path) => `${path}${'a'.repeat(14_000)}`,
      );
      await attacked.withstands('flooding', { paths, connections: 20 });
      const log = JSON.stringify(attacked.world.server.logs());
      console.log(`flooding: ${log.length} bytes of log`);
      expect(log.length).toBeLessThan(100_000);
      expect(log).toContain('requests without a valid token were refused');
    },
    TIMEOUT_MS,
  );
});
