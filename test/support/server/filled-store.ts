import { onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { createRelease, deleteRelease } from '../../../src/database/queries/releases.ts';
import { readSnapshot, type Snapshot } from '../../../src/database/queries/snapshot.ts';
import { createToken } from '../../../src/database/queries/tokens.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { MAC, NOW, SHA_B, StoreWithApp } from './store-with-app.ts';

/** A store on SQLite with rows in every table that a copy has, and in every state. */
export interface FilledStore {
  readonly database: Database;
  readonly store: StoreWithApp;
  /** Its current snapshot. */
  snapshot(): Promise<Snapshot>;
}

/** Opens a filled store that closes when the test is finished. */
export async function openFilledStore(): Promise<FilledStore> {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  const store = await StoreWithApp.in(database);
  const { queries } = database;
  const { appId } = store;
  const first = await store.release('1.0.0');
  await store.publish(first);
  await store.publish(first, MAC, SHA_B);
  await store.grant(first, { target: 'windows', arch: 'x86_64', bundleType: 'msi' });
  const deleted = await store.release('1.1.0');
  await store.publish(deleted);
  await deleteRelease(queries, { appId, releaseId: deleted });
  const draft = { appId, version: '2.0.0', notes: 'ä "\u2028\n', signature: null, channel: 'beta' };
  await createRelease(queries, { ...draft, expect: ['linux-x86_64'] }, NOW);
  await createToken(queries, { appId, name: 't', scopes: [], expiresAt: NOW }, NOW);
  return { database, store, snapshot: () => queries.transaction().execute(readSnapshot) };
}
