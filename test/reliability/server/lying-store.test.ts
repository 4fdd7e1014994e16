import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { grantMultipart } from '../../support/publish/multipart-publisher.ts';
import { requireStatus } from '../../support/publish/publisher.ts';
import { openRemoteWorld, sha256Of } from '../../support/publish/remote-publisher.ts';
import { DEFECTS, type Defect } from '../../support/s3/fake-s3/defect.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER } from '../../support/s3/s3-server.ts';

const BYTES = randomBytes(1000);
const LARGE = randomBytes(6 * 1024 * 1024);
/** Uploaded in two parts. */
const PARTED = randomBytes(5 * 1024 * 1024 + 1000);
/** Small enough for `LARGE` to be copied in parts, and large enough for the store's smallest part. */
const IN_PARTS = { inOneGo: 1024 * 1024, part: 5 * 1024 * 1024 };

/** Files that cannot be accepted during the defect, although everything declared about them is right. */
const NEVER_TAKEN: Partial<Record<Defect, readonly Buffer[]>> = {
  not_yet_there: [BYTES, LARGE], // each copy has another key, which is not found at first
  put_flips_a_bit: [BYTES, LARGE],
  put_truncated: [BYTES, LARGE],
  head_tells_other_size: [BYTES, LARGE],
  copy_of_other_bytes: [BYTES, LARGE],
  copy_truncated: [BYTES, LARGE],
  copy_not_made: [BYTES],
  copy_fails_in_200: [BYTES, LARGE],
  etag_changes: [BYTES, LARGE], // what is to be copied seems to be another thing each time
  completion_fails_in_200: [LARGE],
  parts_mixed_up: [LARGE],
  read_flips_a_bit: [BYTES, LARGE],
  read_cut_off: [BYTES, LARGE],
  read_too_short: [BYTES, LARGE],
};

async function openLyingStore(defect: Defect) {
  const place = await fakeS3Place();
  const world = await openRemoteWorld(place, {
    pollSchedule: NEVER,
    copySizes: IN_PARTS,
    partSizeOf: () => IN_PARTS.part,
  });
  place.fake.defects.add(defect);
  const rows = () => world.server.database.queries.selectFrom('artifacts').selectAll().execute();
  return {
    ...world,
    fake: place.fake,
    /** Compares what is served with what was recorded, byte for byte. */
    async expectNothingUnverified() {
      for (const { status, sha256, file_size } of await rows()) {
        if (status !== 'complete') continue;
        const served = await world.app.fetchOffer().catch(() => undefined);
        if (served)
          expect({ size: served.length, sha256: sha256Of(served) }).toEqual({ size: file_size, sha256 });
      }
    },
    /** The bytes of the only file, as the store has them. */
    async kept(): Promise<Buffer | undefined> {
      const [row] = await rows();
      return place.fake.store.objects.get(`${place.location.prefix}artifacts/${row?.storage_key}`)?.bytes;
    },
  };
}

/** As `curl -T - URL` sends it, without a length. */
function putChunked(url: string, bytes: Buffer): Promise<Response> {
  const body = new Blob([new Uint8Array(bytes)]).stream();
  return fetch(url, { method: 'PUT', body, duplex: 'half' } as RequestInit);
}

describe.each(Object.entries(DEFECTS) as [Defect, string][])('R16: a store that has %s (%s)', (defect) => {
  test.each([
    ['small', BYTES],
    ['copied in parts', LARGE],
  ])(
    'never leads to an unverified byte of a file (%s) being served, and works again once the defect is gone',
    async (_, bytes) => {
      const { app, promise, complete, fake, kept, expectNothingUnverified } = await openLyingStore(defect);
      const promised = await promise('1.0.0', bytes.length, { sha256: sha256Of(bytes) });

      await app.put(promised.url, Buffer.from(bytes).reverse());
      await complete(promised);
      expect(await app.offered()).toBeUndefined();

      await app.put(promised.url, bytes);
      for (let look = 0; look < 3; look++) await complete(promised);
      expect(await app.offered()).toBe(NEVER_TAKEN[defect]?.includes(bytes) ? undefined : '1.0.0');
      await expectNothingUnverified();

      fake.defects.clear();
      await app.put(promised.url, bytes);
      await complete(promised); // what the store is late with is settled by now
      expect((await complete(promised)).statusCode).toBe(200);
      await expectNothingUnverified();
      expect((await kept())?.equals(bytes)).toBe(true);
      expect((await app.fetchOffer()).equals(bytes)).toBe(true);
    },
  );

  test('never leads to a file with only its size declared being served, unless it is what arrived', async () => {
    const { app, promise, complete, expectNothingUnverified } = await openLyingStore(defect);
    const promised = await promise('1.0.0', BYTES.length);
    await app.put(promised.url, BYTES);
    for (let look = 0; look < 3; look++) await complete(promised);
    await expectNothingUnverified();
    if (['copy_of_other_bytes', 'copy_truncated', 'copy_not_made', 'read_cut_off'].includes(defect)) {
      expect(await app.offered()).toBeUndefined();
    }
  });

  test('never leads to an unverified byte of a file uploaded in parts being served', async () => {
    const { app, fake, kept, expectNothingUnverified } = await openLyingStore(defect);
    const releaseId = await app.createRelease('1.0.0');
    const send = async (bytes: Buffer) => {
      const parted = await grantMultipart(app, releaseId, PARTED);
      const etags = await parted.putAll(bytes);
      const complete = () => parted.complete(etags);
      return [await complete(), await complete(), await complete()].map(({ statusCode }) => statusCode);
    };
    await send(Buffer.from(PARTED).reverse());
    expect(await app.offered()).toBeUndefined();
    await send(PARTED);
    // If deletions are ignored, the refused file stays complete, and no parts are requested again.
    const neverTaken = NEVER_TAKEN[defect]?.includes(LARGE) || defect === 'delete_ignored';
    expect(await app.offered()).toBe(neverTaken ? undefined : '1.0.0');
    await expectNothingUnverified();
    fake.defects.clear();
    if (neverTaken) {
      const first = await send(PARTED); // what is there already may be refused first
      expect(first.includes(200) ? first : await send(PARTED)).toContain(200);
    }
    await expectNothingUnverified();
    expect((await kept())?.equals(PARTED)).toBe(true);
    expect((await app.fetchOffer()).equals(PARTED)).toBe(true);
  });

  test('never leads to an upload of another length being served, however it was accepted', async () => {
    const { app, promise, complete, expectNothingUnverified } = await openLyingStore(defect);
    for (const [patch, size] of [999, 1001, 2000].entries()) {
      const promised = await promise(`1.0.${patch}`, BYTES.length);
      const other = randomBytes(size);
      const taken = defect === 'length_not_enforced' ? 200 : 403;
      expect((await app.put(promised.url, other)).statusCode).toBe(taken);
      const { status } = await putChunked(promised.url, other);
      expect(status).toBe(defect === 'chunked_accepted' ? 200 : 411);
      await complete(promised);
      await complete(promised);
    }
    expect(await app.offered()).toBeUndefined();
    await expectNothingUnverified();
  });
});

describe('the right file is not refused as wrong', () => {
  const openIdentified = async (defect: Defect) => {
    const world = await openLyingStore(defect);
    const promised = await world.promise('1.0.0', BYTES.length, { sha256: sha256Of(BYTES) });
    await world.app.put(promised.url, BYTES);
    const expectTakenOnceMended = async () => {
      world.fake.intercept = undefined;
      world.fake.defects.clear();
      requireStatus(await world.complete(promised), 200); // what arrived is still there
      expect(await world.app.fetchOffer()).toEqual(BYTES);
    };
    return { ...world, promised, expectTakenOnceMended };
  };

  test.each<Defect>(['copy_of_other_bytes', 'copy_truncated', 'read_too_short', 'head_tells_other_size'])(
    'because a store has %s',
    async (defect) => {
      const { complete, promised, expectTakenOnceMended } = await openIdentified(defect);
      for (let look = 0; look < 3; look++) {
        const reply = await complete(promised);
        expect(reply.statusCode).toBe(503);
        expect(reply.json()).toMatchObject({ code: 'unavailable' });
      }
      await expectTakenOnceMended();
    },
  );

  test.each<Defect>(['read_flips_a_bit', 'read_too_short'])(
    'because a single read has %s',
    async (defect) => {
      const { fake, complete, promised, expectTakenOnceMended } = await openIdentified(defect);
      let reads = 0;
      fake.intercept = ({ method, key }) => {
        const isFile = /(staging|artifacts)\//.test(key); // neither a listing nor the owner's object
        if (method === 'GET' && isFile && ++reads > 1) fake.defects.clear();
        return undefined;
      };
      expect((await complete(promised)).json()).toMatchObject({ code: 'unavailable' });
      await expectTakenOnceMended();
    },
  );
});

test('no request by the server or an uploading client has two kinds of authorization', async () => {
  const { app, fake } = await openLyingStore('two_auth_accepted');
  await app.publish('1.0.0', BYTES).catch(() => {});
  await app.fetchOffer().catch(() => {});
  expect(fake.requests.length).toBeGreaterThan(0);
  for (const { line, headers } of fake.requests) {
    expect(line.includes('X-Amz-Signature') && headers.includes('authorization')).toBe(false);
  }
});
