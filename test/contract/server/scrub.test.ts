import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { scrubState } from '../../../src/database/queries/scrub-state.ts';
import { Scrub } from '../../../src/server/maintenance/scrub.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, LINUX, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';

const FAST = 1e9;

async function open(releases: number) {
  const dataDir = await tempFolder();
  const server = await startServer({}, dataDir);
  const app = await Publisher.on(server);
  for (let i = 0; i < releases; i++) await app.publish(`1.0.${i}`);
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
  const { database, disk: storage, services } = server;
  const newScrub = (bytesPerSecond = FAST) =>
    new Scrub({ database, storage, clock: services.clock, bytesPerSecond, delayMs: 1 }, logger);
  return { dataDir, server, app, lines, newScrub };
}

/** Flips one bit of a stored file. */
async function flipBit(dataDir: string, storageKey: string, at: number): Promise<void> {
  const file = join(dataDir, 'artifacts', storageKey);
  const bytes = await readFile(file);
  const index = at % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (at % 8));
  await writeFile(file, bytes);
}

async function filesByVersion({ server }: Awaited<ReturnType<typeof open>>) {
  const rows = await server.database.queries
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select(['version', 'release_id', 'storage_key', 'lost_at'])
    .orderBy('version')
    .execute();
  return rows.map((row) => ({ ...row, storageKey: row.storage_key ?? '' }));
}

describe('R33: reading stored files again', () => {
  test('finds every file of which a bit has flipped, names it, and does not offer it', async () => {
    const world = await open(9);
    const { dataDir, app, lines, newScrub } = world;
    const damaged = (await filesByVersion(world)).filter((_file, i) => i % 2 === 0);
    for (const [i, { storageKey }] of damaged.entries()) await flipBit(dataDir, storageKey, i * 7);
    await newScrub().pass();
    const marked = (await filesByVersion(world)).filter(({ lost_at }) => lost_at !== null);
    expect(marked.map(({ version }) => version)).toEqual(damaged.map(({ version }) => version));
    const errors = lines.filter(({ level }) => level === 50);
    expect(errors.map(({ release }) => release).sort()).toEqual(damaged.map(({ version }) => version));
    expect(errors[0]).toMatchObject({ app: 'my-app', platform: 'linux-x86_64', reason: 'wrong_hash' });
    expect(await app.fetchOffer()).toEqual(bytesOf('1.0.7')); // 1.0.8 is damaged
    expect((await readdir(join(dataDir, 'damaged'))).sort()).toEqual(
      damaged.map(({ storageKey }) => storageKey).sort(),
    );
  });

  test('is repaired by publishing the same file again, and stays so', async () => {
    const world = await open(1);
    const { dataDir, app, newScrub } = world;
    const [file] = await filesByVersion(world);
    await flipBit(dataDir, file?.storageKey ?? '', 3);
    await newScrub().pass();
    expect(await app.offered()).toBeUndefined();
    const bytes = bytesOf('1.0.0');
    const declared = { sha256: createHash('sha256').update(bytes).digest('hex') };
    const url = await app.requestUpload(file?.release_id ?? '', bytes.length, LINUX, declared);
    requireStatus(await app.put(url, bytes), 200);
    await newScrub().pass();
    expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
  });

  test('leaves sound files alone, and those that are missing to the comparison', async () => {
    const world = await open(3);
    await world.newScrub().pass();
    expect((await filesByVersion(world)).filter(({ lost_at }) => lost_at !== null)).toEqual([]);
    expect(await readdir(world.dataDir)).not.toContain('damaged');
    expect(world.lines).toMatchObject([{ level: 30, bytes: expect.any(Number) }]);
  });

  test('goes on where it was stopped, and reads no faster than it may', async () => {
    const world = await open(4);
    const files = (await filesByVersion(world)).map(({ storageKey }) => storageKey).sort();
    const read = vi.spyOn(world.server.disk, 'read');
    const slow = world.newScrub(bytesOf('1.0.0').length); // a file a second
    slow.start();
    await vi.waitFor(async () =>
      expect((await scrubState(world.server.database.queries))?.after).toBe(files[0]),
    );
    await slow.stop();
    expect(read.mock.calls.length).toBeLessThan(4);
    read.mockClear();
    await world.newScrub().pass();
    expect(read.mock.calls.map(([key]) => key)).toEqual(files.slice(1));
    expect(await scrubState(world.server.database.queries)).toMatchObject({ isFinished: true });
  });

  test('begins by itself, and not again before a week is over', async () => {
    const world = await open(2);
    const scrub = world.newScrub();
    onTestFinished(() => scrub.stop());
    scrub.start();
    await vi.waitFor(() => expect(world.lines).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(world.lines).toHaveLength(1);
    world.server.now = new Date(world.server.now.getTime() + 8 * 24 * 60 * 60 * 1000);
    await vi.waitFor(() => expect(world.lines).toHaveLength(2));
  });
});
