import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { deleteApp, setTrustedOnly } from '../../../src/database/queries/apps.ts';
import { issuerRecords } from '../../../src/database/queries/issuer-keys.ts';
import { listTokens } from '../../../src/database/queries/tokens.ts';
import {
  addTrustedPublisher,
  exchangeIdentity,
  listTrustedPublishers,
  removeTrustedPublisher,
} from '../../../src/database/queries/trusted-publishers.ts';
import { JOB, publisherOf } from '../../support/identity/trusted-job.ts';
import { by } from '../../support/server/by.ts';
import { later, NOW, StoreWithApp } from '../../support/server/store-with-app.ts';

const ISSUER = JOB.issuer;
const AT_ONCE = 20;

/**
 * What trusted publishing asks of the database, with several processes at once.
 * @param open gives one empty store, opened as by that number of processes
 */
export function describeTrustedPublishers(name: string, open: () => Promise<readonly Database[]>): void {
  async function openWithPublisher(ids: { repositoryId?: null; ownerId?: null } = {}) {
    const databases = await open();
    const [first] = databases;
    if (first === undefined) throw new Error('there is at least one');
    const { appId } = await StoreWithApp.in(first);
    const publisher = await addTrustedPublisher(
      first.queries,
      { ...publisherOf(appId, ISSUER), ...ids },
      by(),
    );
    if (publisher === 'exists') throw new Error(publisher);
    const queriesOf = (i: number) => databases[i % databases.length]?.queries ?? first.queries;
    const exchange = (i: number, jti: string, job = JOB) =>
      exchangeIdentity(
        queriesOf(i),
        { publisher, job, jti, usableUntil: later(1), scopes: [] },
        { now: NOW, origin: { address: null, requestId: null } },
      );
    return { queries: first.queries, appId, publisher, queriesOf, exchange };
  }

  describe(`${name}: trusted publishers`, () => {
    test('an identity token is exchanged by one of many nodes', async () => {
      const { queries, exchange } = await openWithPublisher();
      const results = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => exchange(i, 'jti')));
      expect(results.filter(({ kind }) => kind === 'exchanged')).toHaveLength(1);
      expect(results.filter(({ kind }) => kind === 'used')).toHaveLength(AT_ONCE - 1);
      expect((await listTokens(queries)).filter(({ job }) => job !== null)).toMatchObject([{ job: JOB }]);
      expect((await exchange(0, 'another')).kind).toBe('exchanged');
    });

    test('the same jti of another issuer is another identity token', async () => {
      const { exchange } = await openWithPublisher();
      expect((await exchange(0, 'jti')).kind).toBe('exchanged');
      expect((await exchange(0, 'jti', { ...JOB, issuer: 'https://other.example' })).kind).toBe('exchanged');
    });

    test('the ids of one repository are pinned, of many that are the first at once', async () => {
      const { queries, appId, exchange } = await openWithPublisher({ repositoryId: null, ownerId: null });
      const results = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, i) =>
          exchange(i, `jti-${i}`, { ...JOB, repository_id: String(i % 4), owner_id: String(i % 2) }),
        ),
      );
      const exchanged = results.filter((result) => result.kind === 'exchanged');
      expect(exchanged).toHaveLength(AT_ONCE / 4);
      const [pinned] = await listTrustedPublishers(queries, appId);
      for (const { record } of exchanged) {
        expect(record.job).toMatchObject({ repository_id: pinned?.repositoryId, owner_id: pinned?.ownerId });
      }
    });

    test('one that is removed exchanges nothing, and its tokens are revoked', async () => {
      const { queries, appId, publisher, exchange } = await openWithPublisher();
      await exchange(0, 'jti');
      expect(await removeTrustedPublisher(queries, { appId: 'other', id: publisher.id }, by())).toBe(false);
      expect(await listTrustedPublishers(queries, appId)).toHaveLength(1);
      expect(await removeTrustedPublisher(queries, publisher, by())).toBe(true);
      expect((await exchange(0, 'another')).kind).toBe('not_trusted');
      const tokens = await listTokens(queries, appId);
      expect(tokens.filter(({ job }) => job !== null)).toMatchObject([{ revokedAt: NOW.getTime() }]);
    });

    test('the same one is added once', async () => {
      const { queries, appId } = await openWithPublisher();
      const same = publisherOf(appId, ISSUER);
      expect(await addTrustedPublisher(queries, same, by())).toBe('exists');
      expect(await addTrustedPublisher(queries, { ...same, repositoryId: null }, by())).toBe('exists');
      expect(await addTrustedPublisher(queries, { ...same, refs: ['refs/tags/*'] }, by())).toMatchObject({
        refs: ['refs/tags/*'],
      });
    });

    test('an app is deleted with what it trusts', async () => {
      const { queries, appId, exchange } = await openWithPublisher();
      await exchange(0, 'jti');
      await setTrustedOnly(queries, { appId, only: true }, by());
      await deleteApp(queries, appId, by());
      expect(await listTrustedPublishers(queries, appId)).toEqual([]);
    });

    test('of many nodes one fetches the keys of an issuer, and then none for a minute', async () => {
      const { queriesOf } = await openWithPublisher();
      const minute = 60_000;
      const start = (i: number, now: number) => issuerRecords(queriesOf(i)).start(ISSUER, minute, now);
      const startAll = async (now: number) => {
        const started = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => start(i, now)));
        return started.filter(Boolean).length;
      };
      const now = NOW.getTime();
      expect(await startAll(now)).toBe(1);
      expect(await startAll(now + minute - 1)).toBe(0);
      expect(await startAll(now + minute)).toBe(1);
      expect(await startAll(now)).toBe(1); // of a clock that was set back by a minute

      const records = issuerRecords(queriesOf(0));
      await records.end(ISSUER, { jwks: '{"keys":[]}' }, now + 1);
      await records.end(ISSUER, { error: 'unreachable' }, now + 2);
      expect(await records.find(ISSUER)).toEqual({
        jwks: '{"keys":[]}',
        fetchedAt: now + 1,
        startedAt: now,
        endedAt: now + 2,
        error: 'unreachable',
      });
      expect(await records.find('https://other.example')).toBeUndefined();
    });
  });
}
