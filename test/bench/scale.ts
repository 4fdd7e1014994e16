import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PostgresAdapter, sql } from 'kysely';
import type { Database } from '../../src/database/database.ts';
import { openPostgres } from '../../src/database/postgres/open-postgres.ts';
import { openSqlite } from '../../src/database/sqlite/open-sqlite.ts';
import { PostgresServer, postgresIsInstalled } from '../support/postgres/postgres.ts';
import { run, type Serving, startServe } from '../support/process/binary.ts';
import { publishBytes } from './bench-app.ts';
import { answersPerSecond } from './check-load.ts';
import { elapsed, median } from './figures.ts';
import { type FilledApp, StoreFiller } from './fill-store.ts';

const RELEASES = sizesOf('BENCH_SCALE_RELEASES', '10,1000,10000');
const APPS = sizesOf('BENCH_SCALE_APPS', '10,1000,100000');
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_CHECK_SECONDS ?? 2);
const CONNECTIONS = 50;
/** Of what takes milliseconds, in each round. */
const REQUESTS = 50;
/** Not counted: the first checks of a process are slower. */
const WARM_UP = 200;

/** A folder and a database, for one `serve` at a time. */
interface Place {
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  open(): Promise<Database>;
}

/** An app, or all apps of a store, of one size. */
interface Target {
  readonly url: string;
  readonly slug: string;
  /** Slugs that were not asked for yet. */
  readonly cold: string[];
}

/** One of the things that are measured, for each size. @returns milliseconds, or checks a second */
type Measure<T> = (target: T, round: number) => Promise<number>;

interface Unit {
  readonly name: string;
  readonly digits: number;
}

const MILLISECONDS: Unit = { name: 'ms', digits: 2 };
const PER_SECOND: Unit = { name: '/s', digits: 0 };

/** What checks, publishing, lists and starts take as releases and apps become more. */
export async function benchScale(folder: string): Promise<void> {
  await benchEngine('SQLite', (name) => {
    const dataDir = join(folder, name);
    return Promise.resolve({ dataDir, env: {}, open: () => openSqlite({ dataDir }) });
  });
  if (!postgresIsInstalled) return console.log('growth on PostgreSQL: skipped, needs PostgreSQL');
  const postgres = await PostgresServer.start();
  try {
    await benchEngine('PostgreSQL', async (name) => {
      const url = await postgres.createDatabase();
      const dataDir = join(folder, `postgres-${name}`);
      return { dataDir, env: { SYNCKIT_OTA_DATABASE: url }, open: () => openPostgres({ url }) };
    });
  } finally {
    await postgres.stop();
  }
}

async function benchEngine(engine: string, create: (name: string) => Promise<Place>): Promise<void> {
  console.log(`growth on ${engine}, the files on disk; last / first:`);
  await benchReleases(await create('releases'));
  const places: Place[] = [];
  const filled: Omit<Target, 'url'>[] = [];
  for (const apps of APPS) {
    const place = await create(`apps-${apps}`);
    places.push(place);
    filled.push(await fillWithApps(place, apps)); // one by one: filling SQLite leaves no time to watch a server start
  }
  await benchApps(places, filled);
  await benchStart(await create('empty'), places);
}

/** Apps with few and many releases, side by side in one store. */
async function benchReleases(place: Place): Promise<void> {
  const targets: (FilledApp & { readonly cold: string[] })[] = [];
  await fill(place, async (filler) => {
    for (const releases of RELEASES) {
      const app = await filler.addApp({ slug: `app-${releases}`, releases });
      targets.push({ ...app, cold: await filler.addOldSlugs([app.id], ROUNDS * REQUESTS) });
    }
  });
  await serving(place, async ({ url }) => {
    const served = targets.map((target) => ({ ...target, url }));
    await warmUp(url, served[0]?.slug ?? '');
    const log = logOf('releases in an app', RELEASES);
    log('cold check', MILLISECONDS, await inRounds(served, coldCheck, ROUNDS * REQUESTS));
    log('warm checks', PER_SECOND, await inRounds(served, warmChecks));
    log('check after a change', MILLISECONDS, await inRounds(served, checkAfterChange, ROUNDS * REQUESTS));
    log('publish, the whole command', MILLISECONDS, await inRounds(served, publish(place), ROUNDS * 2));
    log('releases list, the first page', MILLISECONDS, await inRounds(served, firstPage, ROUNDS * REQUESTS));
    log(
      'releases list --limit 20, the whole command',
      MILLISECONDS,
      await inRounds(served, listCommand, ROUNDS * 2),
    );
  });
}

/** Stores with few and many apps, each with a server. */
async function benchApps(places: readonly Place[], filled: readonly Omit<Target, 'url'>[]): Promise<void> {
  const servers: Serving[] = [];
  try {
    for (const place of places) servers.push(await serve(place));
    const targets = filled.map((target, i) => ({ ...target, url: servers[i]?.url ?? '' }));
    for (const { url, slug } of targets) await warmUp(url, slug);
    const log = logOf('apps', APPS);
    log('cold check', MILLISECONDS, await inRounds(targets, coldCheck, ROUNDS * REQUESTS));
    log('warm checks', PER_SECOND, await inRounds(targets, warmChecks));
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function benchStart(empty: Place, places: readonly Place[]): Promise<void> {
  await fill(empty, async () => {});
  const targets = [empty, ...places];
  const log = logOf('apps', [0, ...APPS]);
  log(
    'start until it listens',
    { ...MILLISECONDS, digits: 0 },
    await inRounds(targets, timeToListen, ROUNDS * 2),
  );
}

async function fillWithApps(place: Place, count: number): Promise<Omit<Target, 'url'>> {
  let cold: string[] = [];
  await fill(place, async (filler) => {
    const specs = Array.from({ length: count }, (_, i) => ({ slug: `app-${i}`, releases: 1 }));
    cold = await filler.addOldSlugs(await filler.addApps(specs), ROUNDS * REQUESTS);
  });
  // In any order, so that neighbours are not read with one page.
  return { slug: `app-${count >> 1}`, cold: cold.map((_, i) => cold[(i * 7) % cold.length] ?? '') };
}

/** Creates a store as `serve` does, and fills it while nothing serves it. */
async function fill(place: Place, work: (filler: StoreFiller) => Promise<void>): Promise<void> {
  await (await serve(place)).stop();
  const database = await place.open();
  try {
    await work(new StoreFiller(database, place.dataDir));
    // PostgreSQL does so by itself, some time after many rows were written.
    if (database.queries.getExecutor().adapter instanceof PostgresAdapter) {
      await sql`analyze`.execute(database.queries);
    }
  } finally {
    await database.close();
  }
}

function serve({ dataDir, env }: Place): Promise<Serving> {
  return startServe(dataDir, [], { env });
}

async function serving(place: Place, work: (server: Serving) => Promise<void>): Promise<void> {
  const server = await serve(place);
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

async function warmUp(url: string, slug: string): Promise<void> {
  for (let i = 0; i < WARM_UP; i++) await check(url, slug);
}

/** Each round measures every size once, so that a busy minute of the machine is in all of them. */
async function inRounds<T>(
  targets: readonly T[],
  measure: Measure<T>,
  rounds: number = ROUNDS,
): Promise<number[]> {
  const measured = targets.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, target] of targets.entries()) measured[i]?.push(await measure(target, round));
  }
  return measured.map(median);
}

function coldCheck({ url, cold }: Target): Promise<number> {
  const slug = cold.pop() ?? '';
  return elapsed(() => check(url, slug));
}

function warmChecks({ url, slug }: Target): Promise<number> {
  const load = { connections: CONNECTIONS, seconds: SECONDS };
  return answersPerSecond({ ...load, url: checkUrl(url, slug) });
}

async function checkAfterChange({ url, slug, ...app }: Target & FilledApp, round: number): Promise<number> {
  const [release] = await api({ url, app }, 'releases?limit=1');
  const notes = `changed in ${round}`;
  await api({ url, app }, `releases/${release?.id}`, { notes });
  return elapsed(async () => requireNotes(await check(url, slug), notes));
}

function publish({ dataDir }: Place): Measure<Target & FilledApp> {
  return ({ url, id, token }, round) => {
    const env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
    return elapsed(() => publishBytes(join(dataDir, '..'), env, `2.${round}.0`, randomBytes(1000)));
  };
}

function firstPage({ url, ...app }: Target & FilledApp): Promise<number> {
  return elapsed(() => api({ url, app }, 'releases?limit=20'));
}

async function listCommand({ url, id, token }: Target & FilledApp): Promise<number> {
  const env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
  return elapsed(async () => {
    const { code, stderr } = await run(['releases', 'list', '--limit', '20'], { env });
    if (code !== 0) throw new Error(stderr);
  });
}

/** From the start of the process to the time in its line. */
async function timeToListen(place: Place): Promise<number> {
  const start = Date.now();
  const server = await serve(place);
  const listening = server.logs().find(({ msg }) => msg === 'listening');
  await server.stop();
  return Date.parse(String(listening?.time)) - start;
}

function checkUrl(url: string, slug: string): string {
  return `${url}/api/sync/ota/${slug}/linux/x86_64/0.9.0`;
}

async function check(url: string, slug: string): Promise<{ readonly notes: string }> {
  const response = await fetch(checkUrl(url, slug));
  if (response.status !== 200) throw new Error(`${slug} was answered with ${response.status}`);
  return (await response.json()) as { notes: string };
}

function requireNotes(update: { readonly notes: string }, notes: string): void {
  if (update.notes !== notes) throw new Error(`${update.notes} were offered after ${notes}`);
}

interface Api {
  readonly url: string;
  readonly app: Pick<FilledApp, 'id' | 'token'>;
}

/** @param change what to send as PATCH; a GET without it */
async function api({ url, app }: Api, path: string, change?: object): Promise<{ readonly id: string }[]> {
  const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
  const request = change === undefined ? {} : { method: 'PATCH', body: JSON.stringify(change) };
  const response = await fetch(`${url}/api/sync/ota/apps/${app.id}/${path}`, { ...request, headers });
  if (!response.ok) throw new Error(await response.text());
  const body = (await response.json()) as { id: string }[] | { releases: { id: string }[] };
  return 'releases' in body ? body.releases : body;
}

function logOf(of: string, sizes: readonly number[]) {
  return (what: string, { name, digits }: Unit, figures: readonly number[]) => {
    const each = sizes.map((size, i) => `${size}: ${figures[i]?.toFixed(digits)} ${name}`).join(', ');
    const ratio = (figures.at(-1) ?? Number.NaN) / (figures[0] ?? Number.NaN);
    console.log(`  ${what}, by ${of}: ${each}; ratio ${ratio.toFixed(2)}`);
  };
}

/** @param name of a variable with numbers, from the smallest to the largest */
function sizesOf(name: string, standard: string): number[] {
  return (process.env[name] ?? standard).split(',').map(Number);
}
