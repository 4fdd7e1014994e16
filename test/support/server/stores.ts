import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import type { Services } from '../../../src/server/services.ts';
import { describeOnPostgres, usePostgres } from '../postgres/postgres.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { type FakeS3, startFakeS3 } from '../s3/fake-s3/start-fake-s3.ts';
import { objectsIn } from '../s3/s3-objects.ts';
import { describeOnCeph, placeIn, type S3Place } from '../s3/s3-place.ts';
import { openS3Server } from '../s3/s3-server.ts';
import { openTestServer, type TestServer } from './server.ts';
import { storageOptions } from './storage-options.ts';
import { isInTier, type StorePair } from './store-pairs.ts';

/** An empty database, and an empty place for files. */
export interface Store {
  /** A node of the server on it, in this process. The caller closes it. */
  open(overrides?: Partial<Services>): Promise<TestServer>;
  openDatabase(): Promise<Database>;
  readonly dataDir: string;
  /** Names the store to `serve`, beside `--data-dir`. */
  readonly serveArgs: readonly string[];
  /** The number of files where uploads arrive, and where downloads read. */
  kept(): Promise<{ readonly staging: number; readonly artifacts: number }>;
  /** The ids of uploads in parts that are neither assembled nor aborted. */
  unfinished(): Promise<readonly string[]>;
  /** Where files are, if not on the disk. */
  readonly place?: S3Place;
  readonly fake?: FakeS3;
  /** Moves all clocks; undefined if that is not possible. */
  advance?(milliseconds: number): void;
  close(): Promise<void>;
}

/** One of the ways to store the server's data. */
export interface Combination extends StorePair {
  /** The caller closes it. @param dataDir an empty folder */
  create(dataDir: string): Promise<Store>;
  /** As `create`; it closes when the test is finished, and so do the nodes on it. */
  start(): Promise<Store>;
}

/** Opens a place for files; its `open` makes a node from it and a database. */
type OpenFiles = (dataDir: string) => Promise<Omit<Store, 'open' | 'openDatabase' | 'dataDir'> & Files>;

interface Files {
  node(overrides: Partial<Services>): Promise<TestServer>;
}

/** Creates a database: returns its URL if it is not in the data folder. */
type NewDatabase = () => Promise<string | undefined>;

/**
 * Declares tests for each engine with each storage: {SQLite, PostgreSQL} × {disk, the fake store, Ceph}, as far as the
 * tier runs on them. Those that need something that is not installed are skipped by name.
 */
export function describeOnEachStore(
  name: string,
  tests: (combination: Combination) => void,
  engines: readonly Combination['engine'][] = ['SQLite', 'PostgreSQL'],
): void {
  const onEachStorage = (engine: Combination['engine'], newDatabase: NewDatabase) => {
    const combine = (files: Combination['files'], openFiles: OpenFiles) =>
      tests(combination(engine, files, newDatabase, openFiles));
    if (isInTier({ engine, files: 'disk' }))
      describe('and disk', { tags: 'store' }, () => combine('disk', openOnDisk));
    if (isInTier({ engine, files: 'fake' }))
      describe('and the fake store', { tags: 'store' }, () => combine('fake', openOnFake));
    if (isInTier({ engine, files: 'Ceph' }))
      describeOnCeph('and its files', (open) =>
        combine('Ceph', async (dataDir) => onS3(dataDir, await open())),
      );
  };
  if (engines.includes('SQLite'))
    describe(`${name} with SQLite`, () => onEachStorage('SQLite', async () => undefined));
  if (engines.includes('PostgreSQL'))
    describeOnPostgres(`${name} with PostgreSQL`, () => {
      const postgres = usePostgres();
      onEachStorage('PostgreSQL', () => postgres.server.createDatabase());
    });
}

function combination(
  engine: Combination['engine'],
  files: Combination['files'],
  newDatabase: NewDatabase,
  openFiles: OpenFiles,
): Combination {
  const create = async (dataDir: string): Promise<Store> => {
    const { node, serveArgs, ...rest } = await openFiles(dataDir);
    const url = await newDatabase();
    const open = () => (url === undefined ? openSqlite({ dataDir }) : openPostgres({ url }));
    return {
      ...rest,
      dataDir,
      openDatabase: open,
      serveArgs: [...serveArgs, ...(url === undefined ? [] : ['--database', url])],
      open: async (overrides = {}) => node({ database: await open(), ...overrides }),
    };
  };
  const start = async () => {
    const store = await create(await tempFolder());
    onTestFinished(() => store.close());
    const open: Store['open'] = async (overrides) => {
      const server = await store.open(overrides);
      onTestFinished(() => server.close());
      return server;
    };
    return { ...store, open };
  };
  return { engine, files, create, start };
}

async function openOnDisk(dataDir: string): ReturnType<OpenFiles> {
  const { now, advance } = movableClock();
  const isFile = (name: string) => !name.includes('.'); // neither a lock nor the record of the files' owner
  const count = async (folder: string) => (await readdir(join(dataDir, folder))).filter(isFile).length;
  return {
    serveArgs: [],
    node: (overrides) => openTestServer(dataDir, { clock: now, ...overrides }),
    kept: async () => ({ staging: await count('staging'), artifacts: await count('artifacts') }),
    unfinished: async () => (await readdir(join(dataDir, 'parts'))).map((name) => name.split('.')[0] ?? ''),
    advance,
    close: async () => {},
  };
}

async function openOnFake(dataDir: string): ReturnType<OpenFiles> {
  const { now, advance } = movableClock();
  const fake = await startFakeS3({ now });
  const close = () => fake.close();
  return { ...onS3(dataDir, placeIn(fake.url, fake.bucket), now), fake, advance, close };
}

function onS3(dataDir: string, place: S3Place, clock?: () => Date) {
  return {
    place,
    serveArgs: storageOptions(place),
    node: (overrides: Partial<Services>) =>
      openS3Server(dataDir, place, { ...(clock && { clock }), ...overrides }),
    kept: async () => {
      const { staging, artifacts } = await objectsIn(place);
      return { staging, artifacts };
    },
    unfinished: async () => {
      const { uploads } = await objectsIn(place);
      return uploads.map((key) => key.replace('staging/', ''));
    },
    close: async () => {},
  };
}

function movableClock() {
  let offset = 0;
  return {
    now: () => new Date(Date.now() + offset),
    advance(milliseconds: number) {
      offset += milliseconds;
    },
  };
}
