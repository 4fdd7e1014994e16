import { createHash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { bytesOf, LINUX, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

describeOnEachStore('field 3: a file that a later attempt of its job replaces in a draft', ({ start }) => {
  test('leaves no bytes behind', async () => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const created = await app.send('POST', '/releases', { body: { version: '1.0.0', draft: true } });
    const releaseId = requireStatus(created, 201).json().id;
    for (const attempt of [1, 2]) {
      const bytes = Buffer.from(`attempt ${attempt}`);
      const digest = createHash('sha256').update(bytes).digest('hex');
      const fields = { signature: 's', sha256: digest, job: 'build', attempt };
      const url = await app.requestUpload(releaseId, bytes.length, LINUX, fields);
      requireStatus(await app.upload(releaseId, url, bytes), 200);
      await vi.waitFor(async () => expect(await store.kept()).toEqual({ staging: 0, artifacts: 1 }));
    }
  });
});

describeOnEachStore('R25: a deleted release', ({ engine, files, start }) => {
  test('is neither offered nor served by any node, its bytes are removed, and other files stay', async () => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const nodes = engine === 'PostgreSQL' && files !== 'disk' ? [app, app.at(await store.open())] : [app];
    await app.publish('1.0.0');
    const releaseId = await app.publish('2.0.0');
    const url = await app.downloadUrl(releaseId);
    for (const node of nodes) await vi.waitFor(async () => expect(await node.offered()).toBe('2.0.0'));

    await app.delete(releaseId);
    expect(await app.offered()).toBe('1.0.0');
    for (const node of nodes) {
      expect((await node.download(releaseId)).statusCode).toBe(404); // asked of the database each time
      await vi.waitFor(async () => expect(await node.offered()).toBe('1.0.0'));
      expect(await node.fetchOffer()).toEqual(bytesOf('1.0.0'));
    }
    await vi.waitFor(async () => expect((await app.follow('GET', url)).statusCode).toBe(404));
    expect(await store.kept()).toEqual({ staging: 0, artifacts: 1 });
  });
});
