import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { UNTIL_INPUT_ENDS } from '../process/until-input-ends.ts';

/** Where Debian keeps the binaries of each version. */
const DEBIAN = '/usr/lib/postgresql';

/** The folder of `initdb` and `postgres`; undefined if they are not installed. */
const BINARIES = existsSync(DEBIAN)
  ? readdirSync(DEBIAN)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(DEBIAN, version, 'bin'))
      .find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  : undefined;

export const postgresIsInstalled = BINARIES !== undefined;

/** Declares a suite that runs if a PostgreSQL can be started, and is skipped by name otherwise. */
export function describeOnPostgres(name: string, suite: () => void): void {
  describe.skipIf(!postgresIsInstalled)(`${name} (needs Debian's postgresql)`, suite);
}

const START_TIMEOUT_MS = 30_000;

const MEMORY = '/dev/shm';
/** The free bytes from which clusters are kept in memory. A container can have as little as 64 MiB. */
const MEMORY_MINIMUM = 2 * 1024 ** 3;

/** A new database is 300 small files, which takes a disk three times as long as memory. */
function clusterParent(): string {
  if (!existsSync(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= MEMORY_MINIMUM ? MEMORY : tmpdir();
}

/** For data that can be lost with the machine. It listens only on a socket in its own folder. */
const SETTINGS = ['fsync=off', 'full_page_writes=off', 'listen_addresses=', 'max_connections=200'];

/** The database that new stores are copied from. */
const TEMPLATE = 'migrated_store';

/** A PostgreSQL on this machine to create databases in. */
export class PostgresCluster {
  /** Holds the data and the socket; may be entered by the user that the server runs as. */
  protected readonly folder: string;
  readonly #port: string;
  readonly #created: string[] = [];
  #template: Promise<void> | undefined;

  constructor(folder: string, port = '5432') {
    this.folder = folder;
    this.#port = port;
  }

  /** The URL of a database, which does not have to exist. */
  url(database: string, user = 'postgres'): string {
    return `postgres://${user}@localhost:${this.#port}/${database}?host=${encodeURIComponent(this.folder)}`;
  }

  /** Where it listens: a Unix socket. */
  get socket(): string {
    return join(this.folder, `.s.PGSQL.${this.#port}`);
  }

  /** The folder of `postgresql.conf` and `pg_hba.conf`. */
  get dataFolder(): string {
    return join(this.folder, 'data');
  }

  /** @returns the URL of a new store without rows: a copy of one that is migrated once for each server */
  async createDatabase(): Promise<string> {
    this.#template ??= this.#migrateTemplate();
    await this.#template;
    return this.#create(`template ${TEMPLATE}`);
  }

  /** @returns the URL of a new database without tables */
  createEmptyDatabase(): Promise<string> {
    return this.#create();
  }

  /** Removes the databases that were created here. */
  async dropDatabases(): Promise<void> {
    for (const name of this.#created.splice(0))
      await this.sql(`drop database if exists ${name} with (force)`);
  }

  /** The first user of a shared server creates the template; the others wait. */
  async #migrateTemplate(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres') });
    await client.connect();
    try {
      await client.query('select pg_advisory_lock(1)');
      const { rows } = await client.query('select 1 from pg_database where datname = $1', [TEMPLATE]);
      if (rows.length > 0) return;
      const url = await this.createEmptyDatabase();
      const database = await openPostgres({ url });
      await database.close(); // only a database without sessions can be renamed, and copied
      const name = new URL(url).pathname.slice(1);
      await client.query(`alter database ${name} rename to ${TEMPLATE}`);
      this.#created.splice(this.#created.indexOf(name), 1);
    } finally {
      await client.end();
    }
  }

  async #create(options = ''): Promise<string> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await this.sql(`create database ${name} ${options} strategy file_copy`);
    this.#created.push(name);
    return this.url(name);
  }

  /** Runs statements on a separate connection, as the server's owner. */
  async sql(statements: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query(statements)).rows;
    } finally {
      await client.end();
    }
  }

  /** Runs statements synchronously: this process does not even notice what happens to its connections. */
  sqlStandingStill(statements: string, database: string): void {
    const url = this.url(database);
    execFileSync(join(BINARIES ?? '', 'psql'), [url, '--no-psqlrc', '--quiet', '--command', statements], {
      stdio: 'ignore',
    });
  }

  /** Resolves once it accepts clients. @throws when `hasFailed` says that it never will */
  async untilUp(hasFailed: () => string | undefined = () => undefined): Promise<void> {
    for (const deadline = Date.now() + START_TIMEOUT_MS; ; await sleep(20)) {
      if (await this.sql('select 1').catch(() => undefined)) return;
      const failure = hasFailed() ?? (Date.now() > deadline ? 'it takes too long' : undefined);
      if (failure !== undefined) throw new Error(`PostgreSQL did not start: ${failure}`);
    }
  }
}

/** A separate PostgreSQL with an empty cluster, which can be stopped and configured. */
export class PostgresServer extends PostgresCluster {
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(folder: string, settings: readonly string[]) {
    super(folder, settings.find((setting) => setting.startsWith('port='))?.slice('port='.length));
    this.#settings = settings;
  }

  /** @param settings `name=value`, in addition to those for tests */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    return PostgresServer.startIn(newClusterFolder(), settings);
  }

  /** As `start`, in a folder of `newClusterFolder`. */
  static async startIn(folder: string, settings: readonly string[] = []): Promise<PostgresServer> {
    const server = new PostgresServer(folder, settings);
    const options = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-sync'];
    await promisify(execFile)(join(BINARIES ?? '', 'initdb'), ['-D', server.dataFolder, ...options], {
      ...serverUser(),
      cwd: folder,
    });
    await server.resume();
    return server;
  }

  /** A second server on a copy of its files, as from a snapshot of its disk; this one is stopped meantime. */
  async clone(): Promise<PostgresServer> {
    const copy = new PostgresServer(newClusterFolder(), this.#settings);
    await this.pause('crash');
    await promisify(execFile)('cp', ['-a', this.dataFolder, copy.dataFolder]);
    await Promise.all([this.resume(), copy.resume()]);
    return copy;
  }

  /** A read-only copy that follows a server, and can be promoted by `pg_promote()`. */
  static async standbyOf(primary: PostgresServer): Promise<PostgresServer> {
    const standby = new PostgresServer(newClusterFolder(), primary.#settings);
    const from = ['--host', primary.folder, '--username', 'postgres', '--write-recovery-conf', '--no-sync'];
    const to = ['--pgdata', standby.dataFolder, '--checkpoint', 'fast'];
    await promisify(execFile)(join(BINARIES ?? '', 'pg_basebackup'), [...from, ...to], {
      ...serverUser(),
      cwd: standby.folder,
    });
    await standby.resume();
    return standby;
  }

  /** Stops it as an operator does, or as a crash does; connections break, and the data stays. */
  async pause(how: 'fast' | 'crash' = 'fast'): Promise<void> {
    const server = this.#process;
    if (server === undefined) return;
    this.#process = undefined;
    const closed = once(server, 'close');
    if (how === 'crash') process.kill(this.pid, 'SIGQUIT');
    server.stdin?.end();
    await closed;
  }

  /** Starts it again on the same data. */
  async resume(): Promise<void> {
    const settings = [...SETTINGS, ...this.#settings].flatMap((setting) => ['-c', setting]);
    const args = ['-D', this.dataFolder, '-k', this.folder, ...settings];
    const server = spawn('sh', ['-c', UNTIL_INPUT_ENDS, 'sh', join(BINARIES ?? '', 'postgres'), ...args], {
      ...serverUser(),
      cwd: this.folder,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let log = '';
    server.stderr.setEncoding('utf8').on('data', (text) => {
      log += text;
    });
    this.#process = server;
    await this.untilUp(() => (server.exitCode === null ? undefined : log));
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The id of its main process. */
  get pid(): number {
    return Number(readFileSync(join(this.dataFolder, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
  }
}

/** An empty folder that PostgreSQL's user may write to. */
export function newClusterFolder(): string {
  const folder = mkdtempSync(join(clusterParent(), 'synckit-ota-postgres-'));
  const { uid, gid } = serverUser();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
}

/** The PostgreSQL that the files of a run share, each test with its own databases. It is up while tests run. */
export function usePostgres(): { readonly server: PostgresCluster } {
  const server = new PostgresCluster(inject('postgresFolder'));
  beforeAll(() => server.untilUp());
  afterAll(() => server.dropDatabases());
  return { server };
}

/** A PostgreSQL for the tests of one suite, which may stop it and change its settings. */
export function useOwnPostgres(): { readonly server: PostgresServer } {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.stop());
  return {
    get server() {
      if (server === undefined) throw new Error('it runs while tests do');
      return server;
    },
  };
}

/** The user that PostgreSQL's files belong to: it refuses to run as root. */
export function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
