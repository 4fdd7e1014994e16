import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { setLimits } from '../../../src/database/queries/app-limits.ts';
import { grantMultipart } from '../../support/publish/multipart-publisher.ts';
import { bytesOf, LINUX, MAC, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const PART_SIZE = 5 * 1024 * 1024;

describeOnEachStore('limits of an app', ({ start, files }) => {
  test('attack H1: one more draft than allowed is refused with the limit, until one is deleted', async () => {
    const store = await start();
    const node = await store.open();
    const app = await Publisher.on(node);
    const other = await Publisher.on(node, { slug: 'other' });
    await setLimits(node.database.queries, { appId: app.id, changes: { drafts: 2 } }, by());
    const create = (version: string) => app.send('POST', '/releases', { body: { version, draft: true } });
    const { id } = requireStatus(await create('1.0.0'), 201).json();
    requireStatus(await create('1.1.0'), 201);
    const refused = await create('1.2.0');
    expect(refused.statusCode).toBe(422);
    expect(refused.json()).toMatchObject({
      code: 'limit_reached',
      errors: [{ field: 'drafts', message: 'may be at most 2' }],
      detail: expect.stringContaining(`apps set-limits ${app.id} --drafts`),
    });
    await other.createRelease('1.0.0');
    await app.delete(id);
    requireStatus(await create('1.2.0'), 201);
  });

  test('attack H1: announced uploads are limited, also in parts, and become free with their release', async () => {
    const store = await start();
    const node = await store.open();
    const app = await Publisher.on(node);
    await setLimits(node.database.queries, { appId: app.id, changes: { pending_uploads: 2 } }, by());
    const releaseId = await app.createRelease('1.0.0');
    const announce = (multipart: boolean) =>
      app.send('POST', `/releases/${releaseId}/artifacts`, {
        body: { ...LINUX, file_size: 5, ...(multipart && { multipart, sha256: 'a'.repeat(64) }) },
      });
    requireStatus(await announce(false), 201);
    requireStatus(await announce(true), 201);
    for (const multipart of [false, true]) {
      const reply = await announce(multipart);
      // The upload in parts is the same one as before, which is resumed.
      expect(reply.statusCode).toBe(multipart ? 201 : 422);
    }
    await app.delete(releaseId);
    await app.promise('1.1.0', 5);
  });

  test('attack H1: stored bytes are limited where the upload ends, too', async () => {
    const store = await start();
    const node = await store.open();
    const app = await Publisher.on(node);
    const [first, second] = [bytesOf('1.0.0'), bytesOf('2.0.0')];
    const releases = [await app.createRelease('1.0.0'), await app.createRelease('2.0.0')] as const;
    const urls = [
      await app.requestUpload(releases[0], first.length),
      await app.requestUpload(releases[1], second.length),
    ] as const;
    const changes = { stored_bytes: first.length + second.length - 1 };
    await setLimits(node.database.queries, { appId: app.id, changes }, by());
    requireStatus(await app.upload(releases[0], urls[0], first), 200);
    expect((await app.upload(releases[1], urls[1], second)).json()).toMatchObject({ code: 'limit_reached' });
    const kept = await store.kept();
    expect(kept.artifacts).toBe(1);
    await app.delete(releases[0]);
    if (files === 'disk') requireStatus(await app.upload(releases[1], urls[1], second), 200);
  });

  test('attack unfinished parts: of uploads that are never completed count as stored', async () => {
    const store = await start();
    const node = await store.open({ partSizeOf: () => PART_SIZE });
    const app = await Publisher.on(node);
    const size = PART_SIZE + 1;
    const changes = { stored_bytes: 2 * size };
    await setLimits(node.database.queries, { appId: app.id, changes }, by());
    const releaseId = await app.createRelease('1.0.0');
    const grant = (digit: string, multipart = true) =>
      app.send('POST', `/releases/${releaseId}/artifacts`, {
        body: { ...LINUX, file_size: size, sha256: digit.repeat(64), multipart },
      });
    const both = await Promise.all(['a', 'b', 'c', 'd'].map((digit) => grant(digit)));
    expect(both.filter(({ statusCode }) => statusCode === 201)).toHaveLength(2);
    for (const isMultipart of [true, false])
      expect((await grant('e', isMultipart)).json()).toMatchObject({ code: 'limit_reached' });
    const [granted] = both.filter(({ statusCode }) => statusCode === 201);
    expect((await grant(granted?.json().sha256[0])).statusCode, 'resumed').toBe(201);
    await app.delete(releaseId);
    const bytes = randomBytes(size);
    const again = await grantMultipart(app, await app.createRelease('1.1.0'), bytes);
    requireStatus(await again.complete(await again.putAll()), 200);
  });

  test('attack audit flood: changes are limited by the hour on all nodes, and what takes away is not', async () => {
    const store = await start();
    const [node, second] = [await store.open(), await store.open()];
    const app = await Publisher.on(node);
    const other = await Publisher.on(node, { slug: 'other' });
    const live = await app.publish('1.0.0');
    const draft = await app.createRelease('2.0.0');
    const bytes = bytesOf('2.0.0');
    const announced = await app.requestUpload(draft, bytes.length);
    const { queries } = node.database;
    await setLimits(queries, { appId: app.id, changes: { hourly_changes: 20 } }, by());
    const entries = async () =>
      Number(
        (
          await queries
            .selectFrom('audit')
            .select((eb) => eb.fn.max('seq').as('seq'))
            .executeTakeFirstOrThrow()
        ).seq,
      );
    const edit = (notes: string, at = node) =>
      app.at(at).send('PATCH', `/releases/${live}`, { body: { notes } });
    const edits = await Promise.all(
      Array.from({ length: 24 }, (_, i) => edit(`notes ${i}`, i % 2 === 0 ? node : second)),
    );
    expect(edits.filter(({ statusCode }) => statusCode === 200).length).toBeLessThan(20);
    const refused = edits.find(({ statusCode }) => statusCode !== 200);
    expect(refused?.json()).toMatchObject({
      code: 'limit_reached',
      errors: [{ field: 'hourly_changes', message: 'may be at most 20' }],
      detail: expect.stringContaining('--hourly-changes'),
    });
    const before = await entries();
    for (const reply of [
      await edit('more'),
      await app.send('POST', '/releases', { body: { version: '3.0.0', signature: 's' } }),
      await app.send('POST', `/releases/${draft}/artifacts`, { body: { ...MAC, file_size: 5 } }),
      await app.send('PUT', '/slug', { body: { slug: 'renamed' } }),
    ])
      expect(reply.json()).toMatchObject({ code: 'limit_reached' });
    expect(await entries()).toBe(before);
    requireStatus(await app.upload(draft, announced, bytes), 200);
    requireStatus(await app.send('PATCH', `/releases/${live}`, { body: { status: 'yanked' } }), 200);
    expect(
      (await app.send('PATCH', `/releases/${live}`, { body: { status: 'published' } })).json(),
    ).toMatchObject({
      code: 'limit_reached',
    });
    await app.delete(live);
    await other.createRelease('1.0.0');
  });

  test('attack L1: slugs are limited, and a current one can be set again', async () => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const set = (slug: string) => app.send('PUT', '/slug', { body: { slug } });
    for (let i = 1; i < 10; i++) requireStatus(await set(`brand-${i}`), 200);
    expect((await set('brand-77')).json()).toMatchObject({
      code: 'limit_reached',
      errors: [{ field: 'slugs' }],
    });
    requireStatus(await set('my-app'), 200);
  });
});
