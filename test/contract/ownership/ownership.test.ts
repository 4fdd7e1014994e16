import { cp, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { newStorageKey } from '../../../src/database/queries/orphans.ts';
import { urlSigningKeys } from '../../../src/database/queries/url-signing-keys.ts';
import { DATABASE_FILE, openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { adoptPlace, type Watcher } from '../../../src/ownership/adopt-place.ts';
import { Ownership } from '../../../src/ownership/ownership.ts';
import type { ArtifactStorage } from '../../../src/storage/artifact-storage.ts';
import { DiskStorage } from '../../../src/storage/disk/disk-storage.ts';
import { describeOnPostgres, useOwnPostgres } from '../../support/postgres/postgres.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { describeOnS3, fakeS3Place, type S3Place } from '../../support/s3/s3-place.ts';
import { openS3 } from '../../support/s3/s3-world.ts';
import { by } from '../../support/server/by.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
/** How often a server checks. */
const CHECK = 5 * SECOND;

/** A database of which a test moves the clock, with the monotonic clock of its process. */
interface Timed extends Database {
  readonly now: () => number;
  /** Time passes. */
  advance(milliseconds: number): void;
  /** Only its clock is set to another time. */
  setClock(milliseconds: number): void;
}

function timed(database: Database): Timed {
  let passed = 0;
  let offset = 0;
  onTestFinished(() => database.close());
  return {
    ...database,
    clock: () => new Date(database.clock().getTime() + passed + offset),
    now: () => passed,
    advance(milliseconds) {
      passed += milliseconds;
    },
    setClock(milliseconds) {
      offset += milliseconds;
    },
  };
}

type Running = readonly [database: Timed, ownership: Ownership];

/** Lets servers run for some time: each checks as often as it does. */
async function runFor(milliseconds: number, ...servers: readonly Running[]): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += CHECK) {
    for (const [database, ownership] of servers) {
      database.advance(CHECK);
      await ownership.check();
    }
  }
}

/** Watches a place without waiting for real. @param between what the servers do that use it */
function watcher(between: () => Promise<void> = async () => {}): Watcher {
  let passed = 0;
  return {
    now: () => passed,
    async pause(milliseconds) {
      passed += milliseconds;
      await between();
    },
  };
}

async function epochIn(storage: ArtifactStorage): Promise<number> {
  return JSON.parse((await storage.readOwner())?.text ?? '{}').epoch;
}

const sqliteIn = async (dataDir: string) => timed(await openSqlite({ dataDir }));
const postgresAt = async (url: string) => timed(await openPostgres({ url }));

/** Copies a database while it is open, as a snapshot of its disk does. */
async function cloneOf(dataDir: string): Promise<string> {
  const copy = await tempFolder();
  await cp(dataDir, copy, { recursive: true });
  return copy;
}

const start = (database: Timed, storage: ArtifactStorage) =>
  Ownership.open({ database, storage, location: 'the place', now: database.now });
const refused = (message: RegExp) => ({
  code: 'store_unavailable',
  message: expect.stringMatching(message),
  hint: expect.stringContaining('storage claim'),
});
const FOREIGN = refused(/belongs to another database/);
const COPIED = refused(/belongs to another copy of this database, in another PostgreSQL database/);
const USED_SINCE = refused(/was used since by another copy of this database, or by a later state/);

describeOnS3('the files in a bucket', (open) => {
  /** A database in a folder, with a server that has claimed the bucket. */
  async function openClaimed(place?: S3Place) {
    const { storage } = await openS3(place ?? (await open()));
    const dataDir = await tempFolder();
    const database = await sqliteIn(dataDir);
    return { storage, dataDir, database, ownership: await start(database, storage) };
  }

  test('field 15: belong to the first database that is served there, and to no other', async () => {
    const { storage, database, ownership } = await openClaimed();
    expect(ownership.problem).toBeUndefined();
    await expect(start(await sqliteIn(await tempFolder()), storage)).rejects.toMatchObject(FOREIGN);
    expect((await start(database, storage)).problem).toBeUndefined();
  });

  test('field 15: of two databases that are served there first at the same instant, one has them', async () => {
    const place = await open();
    const attempts = Array.from({ length: 4 }, async () => {
      const { storage } = await openS3(place);
      return start(await sqliteIn(await tempFolder()), storage);
    });
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(FOREIGN);
    }
  });

  test('field 15: are refused to a copy of the database once the original has renewed its claim', async () => {
    const { storage, dataDir, database, ownership } = await openClaimed();
    const copy = await cloneOf(dataDir);
    database.advance(2 * MINUTE);
    await ownership.check();
    await expect(start(await sqliteIn(copy), storage)).rejects.toMatchObject(USED_SINCE);
    await ownership.confirm();
  });

  test('field 15: are refused to a copy that is started within the minute, and stay with the original', async () => {
    const { storage, dataDir, database, ownership } = await openClaimed();
    const copy = await sqliteIn(await cloneOf(dataDir));
    const ofCopy = await start(copy, storage);
    expect(ofCopy.problem).toMatchObject({ message: expect.stringContaining('another server may be using') });
    expect(() => ofCopy.requireOwned()).toThrow();
    await ofCopy.check();
    database.advance(2 * MINUTE);
    await ownership.check();
    copy.advance(2 * MINUTE);
    await ofCopy.check();
    expect(ofCopy.problem).toMatchObject(USED_SINCE);
    copy.advance(60 * MINUTE);
    await ofCopy.check();
    expect(ofCopy.problem).toMatchObject(USED_SINCE);
    await ownership.confirm();
  });

  test('field 15: go to a copy that is started while nothing runs, and are refused to the original then', async () => {
    const { storage, dataDir, database } = await openClaimed();
    const copy = await sqliteIn(await cloneOf(dataDir));
    const ofCopy = await start(copy, storage);
    await runFor(3 * MINUTE, [copy, ofCopy]);
    expect(ofCopy.problem).toBeUndefined();
    await expect(start(database, storage)).rejects.toMatchObject(USED_SINCE);
  });

  describe.each([
    ['right', 0],
    ['an hour ahead', 60 * MINUTE],
    ['an hour behind', -60 * MINUTE],
    ['a day ahead', DAY],
    ['a day behind', -DAY],
  ])('field 15: with a clock that is %s, to a copy', (_, offset) => {
    async function openCopy() {
      const { dataDir, ...original } = await openClaimed();
      const copy = await sqliteIn(await cloneOf(dataDir));
      copy.setClock(offset);
      return { ...original, copy, ofCopy: await start(copy, original.storage) };
    }

    test('are refused while the original runs', async () => {
      const { database, ownership, copy, ofCopy } = await openCopy();
      expect(ofCopy.problem).toMatchObject({ message: expect.stringContaining('may be using') });
      await runFor(4 * MINUTE, [database, ownership], [copy, ofCopy]);
      expect(ofCopy.problem).toMatchObject(USED_SINCE);
      await ownership.confirm();
    });

    test('go when they were not renewed for 150 seconds', async () => {
      const { copy, ofCopy } = await openCopy();
      await runFor(140 * SECOND, [copy, ofCopy]);
      expect(ofCopy.problem).toMatchObject({ message: expect.stringContaining('may be using') });
      await runFor(15 * SECOND, [copy, ofCopy]);
      expect(ofCopy.problem).toBeUndefined();
    });

    test('go by a claim, unless the original runs', async () => {
      const { storage, database, ownership, copy } = await openCopy();
      const claim = { by: by(), database: copy, storage, location: 'the place', place: 's3://a' };
      const inUse = watcher(() => runFor(CHECK, [database, ownership]));
      await expect(adoptPlace({ ...claim, watcher: inUse })).rejects.toMatchObject({
        code: 'conflict',
      });
      const unused = watcher();
      expect(await adoptPlace({ ...claim, watcher: unused })).toMatchObject({ kind: 'adopted' });
      expect(unused.now()).toBeGreaterThanOrEqual(150 * SECOND);
    });

    test('go by a claim, unless a version runs that writes what this one cannot read', async () => {
      const { storage, copy } = await openCopy();
      const claim = { by: by(), database: copy, storage, location: 'the place', place: 's3://a' };
      let renewals = 0;
      const renewByLater = async () => {
        renewals += 1;
        await storage.writeOwner(`{"format":99,"renewal":${renewals}}`, (await storage.readOwner())?.version);
      };
      await renewByLater();
      await expect(adoptPlace({ ...claim, watcher: watcher(renewByLater) })).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('another version of synckit-ota'),
      });
      expect(await adoptPlace({ ...claim, watcher: watcher() })).toMatchObject({ kind: 'adopted' });
    });
  });

  describe.each([
    ['forward', DAY],
    ['back', -DAY],
  ])('field 15: when a clock is set %s by a day', (_, offset) => {
    test('the server that has them goes on renewing, and a copy stays refused', async () => {
      const { storage, dataDir, database, ownership } = await openClaimed();
      const copy = await sqliteIn(await cloneOf(dataDir));
      const ofCopy = await start(copy, storage);
      const before = await epochIn(storage);
      database.setClock(offset);
      await runFor(4 * MINUTE, [database, ownership], [copy, ofCopy]);
      expect(ofCopy.problem).toMatchObject(USED_SINCE);
      expect(await epochIn(storage)).toBe(before + 4);
      await ownership.confirm();
    });

    test('a copy that waits for them waits as long as before', async () => {
      const { storage, dataDir } = await openClaimed();
      const copy = await sqliteIn(await cloneOf(dataDir));
      const ofCopy = await start(copy, storage);
      await runFor(MINUTE, [copy, ofCopy]);
      copy.setClock(offset);
      await runFor(80 * SECOND, [copy, ofCopy]);
      expect(ofCopy.problem).toBeDefined();
      await runFor(15 * SECOND, [copy, ofCopy]);
      expect(ofCopy.problem).toBeUndefined();
    });

    test('what another node was killed in does not stop the renewals', async () => {
      const { storage, database, ownership } = await openClaimed();
      const leased_until = database.clock().getTime() + 10 * SECOND;
      await database.queries.updateTable('storage_claim').set({ leased_until }).execute();
      const before = await epochIn(storage);
      database.setClock(offset);
      await runFor(70 * SECOND, [database, ownership]);
      expect(await epochIn(storage)).toBe(before + 1);
    });
  });

  test('field 15: time in which a copy could not ask does not count for it', async () => {
    const { storage, dataDir } = await openClaimed();
    const copy = await sqliteIn(await cloneOf(dataDir));
    const ofCopy = await start(copy, storage);
    await runFor(CHECK, [copy, ofCopy]);
    const outage = vi.spyOn(storage, 'readOwner').mockRejectedValue(new Error('no answer'));
    await runFor(10 * MINUTE, [copy, ofCopy]).catch(() => {});
    copy.advance(10 * MINUTE);
    outage.mockRestore();
    await ofCopy.check();
    expect(ofCopy.problem).toBeDefined();
  });

  test('field 15: a command that needs them waits for the proof, or for the refusal', async () => {
    const { storage, dataDir, database, ownership } = await openClaimed();
    const copy = await sqliteIn(await cloneOf(dataDir));
    const [first, second] = [await start(copy, storage), await start(copy, storage)];
    await second.prove(async (milliseconds) => copy.advance(milliseconds));
    await first.prove(async (milliseconds) => copy.advance(milliseconds));
    await expect(ownership.confirm()).rejects.toMatchObject(USED_SINCE);
    const late = await sqliteIn(await cloneOf(dataDir));
    const claim = { database, storage, location: 'the place', place: 's3://a', watcher: watcher() };
    await adoptPlace({ ...claim, by: by(), force: true });
    await expect(start(late, storage)).rejects.toMatchObject(USED_SINCE);
    const again = await sqliteIn(await cloneOf(dataDir));
    const ofAgain = await start(again, storage);
    const proof = ofAgain.prove(async (milliseconds) => {
      again.advance(milliseconds);
      await runFor(milliseconds, [database, ownership]);
    });
    await expect(proof).rejects.toMatchObject(USED_SINCE);
  });

  test('field 15: a renewal by another node while one checks is no sign of an older place', async () => {
    const { storage, database, ownership } = await openClaimed();
    const node = await start(database, storage);
    await runFor(70 * SECOND, [database, ownership]);
    database.advance(MINUTE);
    const read = storage.readOwner.bind(storage);
    vi.spyOn(storage, 'readOwner').mockImplementationOnce(async () => {
      const before = await read();
      await ownership.check();
      return before;
    });
    await node.confirm();
    expect(node.problem).toBeUndefined();
  });

  test('field 15: a first claim by another node while one starts is no sign of a place that was lost', async () => {
    const { storage } = await openS3(await open());
    const database = await sqliteIn(await tempFolder());
    const read = storage.readOwner.bind(storage);
    vi.spyOn(storage, 'readOwner').mockImplementationOnce(async () => {
      const before = await read();
      await start(database, storage);
      return before;
    });
    expect((await start(database, storage)).problem).toBeUndefined();
  });

  test('field 15: are refused to an older database that was put in the place of a later one', async () => {
    const { storage, dataDir, database } = await openClaimed();
    const older = await cloneOf(dataDir);
    await start(database, storage);
    await expect(start(await sqliteIn(older), storage)).rejects.toMatchObject(USED_SINCE);
  });

  test('field 15: a crash between any two steps of a renewal leaves them with their database', async () => {
    const { storage, database, ownership } = await openClaimed();
    const write = storage.writeOwner.bind(storage);
    const spy = vi.spyOn(storage, 'writeOwner');
    spy.mockRejectedValueOnce(new Error('killed before the place was written'));
    database.advance(2 * MINUTE);
    await expect(ownership.check()).rejects.toThrow('killed');
    await start(database, storage);
    spy.mockImplementationOnce(async (...record) => {
      await write(...record);
      throw new Error('killed after the place was written');
    });
    await expect(start(database, storage)).rejects.toThrow('killed');
    expect((await start(database, storage)).problem).toBeUndefined();
  });

  test('field 15: stay with a running server that a failover has cost the last renewal', async () => {
    const { storage, database, ownership } = await openClaimed();
    const before = await database.queries.selectFrom('storage_claim').selectAll().executeTakeFirstOrThrow();
    database.advance(2 * MINUTE);
    await ownership.check();
    await database.queries.updateTable('storage_claim').set(before).execute();
    await ownership.check();
    database.advance(2 * MINUTE);
    await ownership.check();
    await ownership.confirm();
    expect((await start(database, storage)).problem).toBeUndefined();
  });

  test('field 15: are lost to all nodes of a database as soon as one notices', async () => {
    const { storage, database, ownership } = await openClaimed();
    const node = await start(database, storage);
    const other = await sqliteIn(await tempFolder());
    const claim = { database: other, storage, location: 'the place', place: 's3://a', watcher: watcher() };
    await adoptPlace({ ...claim, by: by(), force: true });
    await expect(node.confirm()).rejects.toMatchObject(FOREIGN);
    await vi.waitFor(async () => {
      await ownership.check();
      expect(ownership.problem?.message).toMatch(/belongs to another database/);
    });
  });

  test('field 15: are a worker’s again once, when the process that renews them for it has them', async () => {
    const { storage, database, ownership } = await openClaimed();
    const changes: boolean[] = [];
    const worker = await Ownership.open({
      ...{ database, storage, location: 'the place', now: database.now, watches: true },
      onChange: (problem) => changes.push(problem === undefined),
    });
    const before = await storage.readOwner();
    await storage.writeOwner('{}', before?.version);
    await runFor(2 * MINUTE, [database, ownership], [database, worker]);
    await storage.writeOwner(before?.text ?? '', (await storage.readOwner())?.version);
    await runFor(2 * MINUTE, [database, worker]);
    expect(changes).toEqual([false]);
    await runFor(2 * MINUTE, [database, ownership], [database, worker]);
    expect(ownership.problem).toBeUndefined();
    expect(changes).toEqual([false, true]);
  });

  test('field 15: change hands by a claim: not while they are in use, unless that is forced', async () => {
    const { storage, dataDir, database, ownership } = await openClaimed();
    const copy = await sqliteIn(await cloneOf(dataDir));
    await newStorageKey(copy.queries, new Date()); // it cannot know what became of it
    const inUse = watcher(() => runFor(CHECK, [database, ownership]));
    const claim = {
      by: by(),
      database: copy,
      storage,
      location: 'the place',
      place: 's3://a',
      watcher: inUse,
    };
    await expect(adoptPlace(claim)).rejects.toMatchObject({ code: 'conflict' });
    await ownership.confirm();
    expect(await adoptPlace({ ...claim, force: true })).toMatchObject({ kind: 'adopted' });
    await expect(ownership.confirm()).rejects.toMatchObject(USED_SINCE);
    expect(() => ownership.requireOwned()).toThrow();
    expect(await copy.queries.selectFrom('orphans').selectAll().execute()).toEqual([]);
    expect((await start(copy, storage)).problem).toBeUndefined();
    expect(await adoptPlace(claim)).toMatchObject({ kind: 'already_ours' });

    const back = { ...claim, database, watcher: watcher() };
    expect(await adoptPlace(back)).toMatchObject({ kind: 'adopted' });
    await ownership.check();
    expect(ownership.problem).toBeUndefined();
    await ownership.confirm();
  });

  test('field 15: are not taken over silently where nothing says any more which database they are of', async () => {
    const place = await open();
    const { database } = await openClaimed(place);
    const { storage: elsewhere } = await openS3(await open());
    await expect(start(database, elsewhere)).rejects.toMatchObject(refused(/does not say that it belongs/));
    await elsewhere.writeOwner('{"written":"by a later version"}', undefined);
    await expect(start(database, elsewhere)).rejects.toMatchObject(refused(/cannot be understood/));
  });
});

describe.each(['conditions_ignored', 'puts_with_conditions_unknown', 'wrong_etag'] as const)(
  'in a store with the defect %s',
  (defect) => {
    test('field 15: one of two databases has the files, and keeps them', async () => {
      const place = await fakeS3Place();
      place.fake.defects.add(defect);
      const databases = [await sqliteIn(await tempFolder()), await sqliteIn(await tempFolder())];
      const outcomes = await Promise.allSettled(
        databases.map(async (database) => {
          const { storage } = await openS3(place);
          return { database, ownership: await start(database, storage) };
        }),
      );
      const [winner, ...others] = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(others).toEqual([]);
      winner?.database.advance(2 * MINUTE);
      await winner?.ownership.check();
      await winner?.ownership.confirm();
    });
  },
);

describeOnPostgres('the files of a database in PostgreSQL', () => {
  const postgres = useOwnPostgres();
  const nameOf = (url: string) => new URL(url).pathname.slice(1);

  async function openClaimed() {
    const { storage } = await openS3(await fakeS3Place());
    const url = await postgres.server.createDatabase();
    const database = await postgresAt(url);
    return { storage, url, database, ownership: await start(database, storage) };
  }

  test('field 15: are claimed by one of many nodes that start at once, and are the others’ too', async () => {
    const { storage } = await openS3(await fakeS3Place());
    const url = await postgres.server.createDatabase();
    const nodes = await Promise.all(Array.from({ length: 5 }, () => postgresAt(url)));
    const ownerships = await Promise.all(nodes.map((node) => start(node, storage)));
    expect(ownerships.map(({ problem }) => problem)).toEqual(nodes.map(() => undefined));
    for (const node of nodes) node.advance(2 * MINUTE);
    await Promise.all(ownerships.map((one) => one.check()));
    await Promise.all(ownerships.map((one) => one.confirm()));
  });

  test('field 15: are refused to a dump of it, on the same server and whoever starts first', async () => {
    const { storage, url, database, ownership } = await openClaimed();
    const dump = await postgres.server.createEmptyDatabase();
    await postgres.server.sql(`drop database ${nameOf(dump)}`);
    await database.close();
    await postgres.server.sql(`create database ${nameOf(dump)} template ${nameOf(url)}`);
    await expect(start(await postgresAt(dump), storage)).rejects.toMatchObject(COPIED);
    const again = await postgresAt(url);
    expect((await start(again, storage)).problem).toBeUndefined();
    await expect(start(await postgresAt(dump), storage)).rejects.toMatchObject(COPIED);
    expect(ownership.problem).toBeUndefined();
  });

  test('field 15: are refused to a clone of its server’s files, and stay with the original', async () => {
    const { storage, url, ownership, database } = await openClaimed();
    const clone = await postgres.server.clone();
    onTestFinished(() => clone.stop());
    const cloned = await postgresAt(clone.url(nameOf(url)));
    const ofClone = await start(cloned, storage);
    expect(ofClone.problem).toMatchObject({ message: expect.stringContaining('another server may be') });
    await vi.waitFor(() => ownership.check(), { timeout: 10_000 }); // its server was restarted: it says so at once
    await ofClone.check();
    expect(ofClone.problem).toMatchObject(USED_SINCE);
    database.advance(2 * MINUTE);
    await ownership.check();
    await ownership.confirm();
    await expect(start(cloned, storage)).rejects.toMatchObject(USED_SINCE);
  });
});

describe('the files in a data folder', () => {
  const markerIn = (dataDir: string) => join(dataDir, 'artifacts', 'owner.json');

  async function openFolder(dataDir: string) {
    const database = await sqliteIn(dataDir);
    const keys = urlSigningKeys(database.queries, database.clock);
    const storage = await DiskStorage.open({ dataDir, keys, publicUrl: () => '' });
    return { database, storage };
  }

  test('field 15: are refused to an older database that was put beside them, and to a new one', async () => {
    const dataDir = await tempFolder();
    const { database, storage } = await openFolder(dataDir);
    const ownership = await start(database, storage);
    const older = await cloneOf(dataDir);
    database.advance(2 * MINUTE);
    await ownership.check();
    for (const suffix of ['', '-wal', '-shm']) {
      await cp(join(older, DATABASE_FILE + suffix), join(older, `${DATABASE_FILE}.kept${suffix}`));
    }
    const put = async (folder: string) => {
      const other = await tempFolder();
      await cp(join(dataDir, 'owner.json'), join(other, 'owner.json'));
      for (const suffix of ['', '-wal', '-shm']) {
        await cp(join(folder, DATABASE_FILE + suffix), join(other, DATABASE_FILE + suffix)).catch(() => {});
      }
      return openFolder(other);
    };
    const beside = await put(older);
    await expect(start(beside.database, beside.storage)).rejects.toMatchObject(USED_SINCE);
    const fresh = await put(join(older, 'nothing'));
    await expect(start(fresh.database, fresh.storage)).rejects.toMatchObject(FOREIGN);
    await adoptPlace({ by: by(), ...beside, location: 'the place', place: 'disk', watcher: watcher() });
    expect((await start(beside.database, beside.storage)).problem).toBeUndefined();
  });

  test('field 15: can be moved with their database, and served from there at once', async () => {
    const dataDir = await tempFolder();
    const { database, storage } = await openFolder(dataDir);
    await start(database, storage);
    const moved = await openFolder(await cloneOf(dataDir));
    expect((await start(moved.database, moved.storage)).problem).toBeUndefined();
  });

  test('field 15: an older folder is refused to a database that has used a later one', async () => {
    const dataDir = await tempFolder();
    const { database, storage } = await openFolder(dataDir);
    await start(database, storage);
    const older = await cloneOf(dataDir);
    await start(database, storage);
    await cp(markerIn(older), markerIn(dataDir));
    await expect(start(database, storage)).rejects.toMatchObject(refused(/are an older state/));
    await rm(markerIn(dataDir));
    await rm(join(dataDir, 'owner.json'));
    await expect(start(database, storage)).rejects.toMatchObject(refused(/does not say that it belongs/));
  });

  test('field 15: are adopted where nothing among them says which database they are of', async () => {
    const dataDir = await tempFolder();
    const { database, storage } = await openFolder(dataDir);
    const ownership = await start(database, storage);
    await rm(markerIn(dataDir));
    expect((await start(database, storage)).problem).toBeUndefined();
    expect(await readFile(markerIn(dataDir), 'utf8')).toBe(
      await readFile(join(dataDir, 'owner.json'), 'utf8'),
    );
    await ownership.confirm();
  });

  test('field 15: are refused to a copy of the folder with a link to them', async () => {
    const dataDir = await tempFolder();
    const { database, storage } = await openFolder(dataDir);
    const ownership = await start(database, storage);
    const linkTo = async (folder: string) => {
      await rm(join(folder, 'artifacts'), { recursive: true, force: true });
      await symlink(join(dataDir, 'artifacts'), join(folder, 'artifacts'));
      return openFolder(folder);
    };
    const copy = await linkTo(await cloneOf(dataDir));
    database.advance(2 * MINUTE);
    await ownership.check();
    await expect(start(copy.database, copy.storage)).rejects.toMatchObject(USED_SINCE);
    const fresh = await linkTo(await tempFolder());
    await expect(start(fresh.database, fresh.storage)).rejects.toMatchObject(FOREIGN);
    await ownership.confirm();
  });

  test('field 15: are lost to a server when a copy with a link to them is served', async () => {
    const dataDir = await tempFolder();
    const { database, storage } = await openFolder(dataDir);
    const ownership = await start(database, storage);
    const folder = await cloneOf(dataDir);
    await rm(join(folder, 'artifacts'), { recursive: true });
    await symlink(join(dataDir, 'artifacts'), join(folder, 'artifacts'));
    const copy = await openFolder(folder);
    await start(copy.database, copy.storage);
    await expect(ownership.confirm()).rejects.toMatchObject(USED_SINCE);
  });
});
