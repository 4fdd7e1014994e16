import { onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { setLimits } from '../../../src/database/queries/app-limits.ts';
import { pruneAudit } from '../../../src/database/queries/prune-audit.ts';
import { updateRelease } from '../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease } from '../../../src/database/queries/releases.ts';
import { readSnapshot, type Snapshot } from '../../../src/database/queries/snapshot.ts';
import { createToken, recordTokenUses } from '../../../src/database/queries/tokens.ts';
import { addTrustedPublisher, exchangeIdentity } from '../../../src/database/queries/trusted-publishers.ts';
import { addWebhook } from '../../../src/database/queries/webhooks.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { JOB, publisherOf } from '../identity/trusted-job.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { by } from './by.ts';
import { webhookOf } from './new-webhook.ts';
import { HOUR, later, MAC, NOW, SHA_B, StoreWithApp } from './store-with-app.ts';

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
  await deleteRelease(queries, { appId, releaseId: deleted }, { by: by() });
  const draft = { appId, version: '2.0.0', notes: 'ä "\u2028\n', signature: null, channel: 'beta' };
  await createRelease(queries, { ...draft, expect: ['linux-x86_64'] }, by());
  await addWebhook(queries, webhookOf(appId), by());
  await updateRelease(queries, { appId, releaseId: first }, { by: by(), paused: true });
  await createToken(queries, { appId, name: 't', scopes: [], expiresAt: NOW }, by());
  await setLimits(queries, { appId, changes: { pending_uploads: null } }, by());
  const publisher = await addTrustedPublisher(queries, publisherOf(appId, JOB.issuer), by());
  if (publisher === 'exists') throw new Error(publisher);
  const identity = { publisher, job: JOB, jti: 'jti', usableUntil: NOW, scopes: [] };
  await exchangeIdentity(queries, identity, { now: NOW, origin: { address: null, requestId: null } });
  await pruneAudit(queries, { olderThan: later(2 * 24 * HOUR), by: by(later(2 * 24 * HOUR)) });
  await recordTokenUses(queries, [{ tokenId: 'a token', usedAt: NOW.getTime() }]);
  const count = {
    app_id: appId,
    period: '2026-03',
    kind: 'running' as const,
    version: '1.0.0',
    platform: '',
  };
  await queries
    .insertInto('counts')
    .values({ ...count, generation: 'g', clients: 20, sketch: 'AA==', sketch_until: 1 })
    .execute();
  const conversion = { app_id: appId, version: '1.0.0', platform: 'linux-x86_64', hours: 1, changed_at: 1 };
  await queries
    .insertInto('conversions')
    .values({ ...conversion, attempts: 20.5, converted: 19 })
    .execute();
  const statement = { id: 'm1', app: appId, release_id: first, document: '{}', created_at: 1 };
  await queries
    .insertInto('statements')
    .values({ ...statement, kind: 'manifest' })
    .execute();
  return { database, store, snapshot: () => queries.transaction().execute(readSnapshot) };
}
