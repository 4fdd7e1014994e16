import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Services } from '../../../src/server/services.ts';
import { RawConnection } from '../../support/network/raw-connection.ts';
import { times } from '../../support/process/torture.ts';
import { LINUX, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { sha256Of } from '../../support/publish/remote-publisher.ts';
import { NEVER } from '../../support/s3/s3-server.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const BYTES = randomBytes(1000);
const FLIPS = times(20, 1000);
const REPEATS = times(5, 100);
/** A timeout for that number of uploads, in milliseconds. */
const timeFor = (uploads: number) => 30_000 + uploads * 300;

/** The bytes with one bit changed. */
function withBit(bit: number): Buffer {
  const bytes = Buffer.from(BYTES);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes;
}

/** States of a release when its upload URL is used again. */
const STATES = [
  'no right file has arrived yet',
  'it is complete and a draft',
  'it is live',
  'a higher version is live',
  'it is deleted',
  'it is created again',
] as const;

describeOnEachStore('an upload', ({ files, start }) => {
  async function startUpload(
    overrides: Partial<Services> = {},
    fields: object = { sha256: sha256Of(BYTES) },
  ) {
    const store = await start();
    const server = await store.open(overrides);
    await server.listen();
    const app = await Publisher.on(server);
    const release = { version: '1.0.0', signature: 's', draft: true };
    const { id: releaseId } = requireStatus(
      await app.send('POST', '/releases', { body: release }),
      201,
    ).json();
    const url = await app.requestUpload(releaseId, BYTES.length, LINUX, fields);
    const publish = async () => requireStatus(await app.send('POST', `/releases/${releaseId}/publish`), 200);
    return {
      app,
      store,
      releaseId,
      url,
      publish,
      upload: (bytes: Buffer) => app.upload(releaseId, url, bytes),
    };
  }

  test(
    `R12: is refused with any of ${FLIPS} bits flipped on the way, nothing is kept, and the URL stays valid`,
    async () => {
      const { app, store, upload, publish } = await startUpload({ pollSchedule: NEVER });
      for (let i = 0; i < FLIPS; i++) {
        const reply = await upload(withBit(Math.floor((i * BYTES.length * 8) / FLIPS)));
        expect(reply.statusCode).toBe(422);
        expect(reply.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'sha256' }] });
      }
      expect(await store.kept()).toEqual({ staging: 0, artifacts: 0 });
      expect((await upload(BYTES)).statusCode).toBe(200);
      await publish();
      expect(await app.fetchOffer()).toEqual(BYTES);
    },
    timeFor(FLIPS),
  );

  test.each(STATES)(
    `R10: repeated ${REPEATS} times to a URL when %s changes nothing that is served`,
    async (state) => {
      const { app, releaseId, url, publish, upload } = await startUpload();
      const isAfter = (earlier: (typeof STATES)[number]) => STATES.indexOf(state) >= STATES.indexOf(earlier);
      if (isAfter('it is complete and a draft')) requireStatus(await upload(BYTES), 200);
      if (isAfter('it is live')) await publish();
      if (state === 'a higher version is live') await app.publish('2.0.0');
      if (isAfter('it is deleted')) await app.delete(releaseId);
      if (state === 'it is created again') await app.publish('1.0.0', BYTES);
      const offered = await app.offered();
      const served = offered && (await app.fetchOffer());
      for (let i = 0; i < REPEATS; i++) {
        await app.upload(releaseId, url, i % 2 === 0 ? withBit(i) : Buffer.alloc(BYTES.length, i));
        expect(await app.offered()).toBe(offered);
        if (served) expect(await app.fetchOffer()).toEqual(served);
      }
      if (isAfter('it is deleted')) return;
      requireStatus(
        await upload(BYTES),
        files === 'disk' && isAfter('it is complete and a draft') ? 409 : 200,
      );
      if (!isAfter('it is live')) await publish();
      const bytes = await app.follow('GET', await app.downloadUrl(releaseId));
      expect(bytes.rawPayload).toEqual(BYTES);
    },
    timeFor(REPEATS),
  );

  test('R11: of another length, or without a length, is refused before its bytes are read', async () => {
    const { store, url } = await startUpload({}, {});
    const { host, pathname, search } = new URL(url);
    const length = (bytes: number) => `Content-Length: ${bytes}`;
    for (const header of [
      length(BYTES.length - 1),
      length(BYTES.length + 1),
      length(0),
      'Transfer-Encoding: chunked',
    ]) {
      const connection = await RawConnection.to(url);
      const head = [
        `PUT ${pathname}${search} HTTP/1.1`,
        `Host: ${host}`,
        'Expect: 100-continue',
        header,
        '',
        '',
      ];
      connection.send(head.join('\r\n'));
      expect(await connection.until(/^HTTP\/1\.1 .*\r\n\r\n/s), header).toMatch(/^HTTP\/1\.1 4/);
    }
    expect(await store.kept()).toEqual({ staging: 0, artifacts: 0 });
  });
});
