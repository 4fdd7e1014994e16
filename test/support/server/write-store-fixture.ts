import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import packageJson from '../../../package.json' with { type: 'json' };
import { DisturbedStore } from '../faults/disturbed-store.ts';
import { CONTENT_FILE, FIXTURES, type StoreContent } from './store-fixture.ts';

// Writes a store with the present version, by the built binary and its API: what later versions have to open.

const folder = join(FIXTURES, packageJson.version);
const dataDir = join(folder, 'data');

await rm(folder, { recursive: true, force: true });
await mkdir(dataDir, { recursive: true, mode: 0o700 });
const store = new DisturbedStore(dataDir, undefined, 500);
await store.start();
await store.prepare('live');
await store.yank(await store.prepare('live'));
await store.delete(await store.prepare('live'));
await store.prepare('draft with file');
await store.prepare('promised', { expect: ['linux-x86_64', 'darwin-aarch64'] });
await store.prepare('live', { channel: 'beta' });
await store.prepare('live');
if ((await store.server.stop()) !== 0) throw new Error('the server did not stop properly');
await tidy();
const content: StoreContent = { app: store.app, slug: 'my-app', versions: Object.fromEntries(store.states) };
await writeFile(join(folder, CONTENT_FILE), `${JSON.stringify(content, null, 2)}\n`);
console.log(`Wrote ${folder}`);

/** Takes out what names this machine, and what no store needs. */
async function tidy(): Promise<void> {
  for (const name of ['serve.lock', 'artifacts/serve.lock', 'reserve', 'staging', 'parts']) {
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
  for (const name of ['owner.json', 'artifacts/owner.json']) {
    const file = join(dataDir, name);
    const owner = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...owner, holder: 'fixture', instance: 'fixture' }));
  }
  const file = join(dataDir, 'synckit-ota.sqlite');
  const database = new Sqlite(file);
  database.prepare("update storage_claim set instance = 'fixture'").run();
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.prepare('vacuum into ?').run(`${file}.small`);
  database.close();
  await copyFile(`${file}.small`, file);
  await rm(`${file}.small`);
}
