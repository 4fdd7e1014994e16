import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Defect } from '../../support/s3/fake-s3/defect.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, fakeS3Place } from '../../support/s3/s3-place.ts';
import { openS3 } from '../../support/s3/s3-world.ts';

const MIB = 1024 * 1024;
const OPTIONS = { verified: false, partSize: 5 * MIB };

/** A file that is read in pieces which fit no part. */
function fileOf(bytes: Buffer, read = bytes) {
  return {
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    async *read() {
      for (let first = 0; first < read.length; first += 700_001) yield read.subarray(first, first + 700_001);
    },
  };
}

describeOnS3('S3Storage.importFile', (open) => {
  test.each([1, 1000, 5 * MIB, 5 * MIB + 1, 12 * MIB])(
    'copies %i bytes to where they are downloaded from, once',
    async (size) => {
      const place = await open();
      const { storage, served } = await openS3(place);
      const bytes = randomBytes(size);
      const key = randomUUID();
      let there = 0;
      const onBytes = (more: number) => {
        there += more;
      };
      expect(await storage.importFile(key, fileOf(bytes), { ...OPTIONS, onBytes })).toBe('sent');
      expect(there).toBe(size);
      expect((await served(key))?.equals(bytes)).toBe(true);
      expect(await storage.importFile(key, fileOf(bytes), OPTIONS)).toBe('already_there');
      expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 1, uploads: [] });
    },
  );

  test('resumes with the parts that an interrupted import uploaded', async () => {
    const place = await open();
    const { storage, served } = await openS3(place);
    const bytes = randomBytes(17 * MIB);
    const key = randomUUID();
    const file = fileOf(bytes);
    const breaksOff = {
      ...file,
      async *read() {
        let read = 0;
        for await (const chunk of file.read()) {
          read += chunk.length;
          if (read > 12 * MIB) throw new Error('broken off');
          yield chunk;
        }
      },
    };
    await expect(storage.importFile(key, breaksOff, OPTIONS)).rejects.toThrow('broken off');
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [`artifacts/${key}`] });
    expect(await storage.importFile(key, file, OPTIONS)).toBe('sent');
    expect((await served(key))?.equals(bytes)).toBe(true);
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 1, uploads: [] });
  });

  test('sends everything again if the parts of an interrupted import belong to a different file', async () => {
    const place = await open();
    const { storage, served } = await openS3(place);
    const key = randomUUID();
    const other = randomBytes(11 * MIB);
    const breaksOff = {
      ...fileOf(other),
      async *read() {
        yield other.subarray(0, 6 * MIB);
        throw new Error('broken off');
      },
    };
    await expect(storage.importFile(key, breaksOff, OPTIONS)).rejects.toThrow('broken off');
    const bytes = randomBytes(11 * MIB);
    expect(await storage.importFile(key, fileOf(bytes), OPTIONS)).toBe('sent');
    expect((await served(key))?.equals(bytes)).toBe(true);
    expect(await objectsIn(place)).toMatchObject({ artifacts: 1, uploads: [] });
  });

  test.each([100, 11 * MIB])('leaves nothing of %i bytes that do not have the file’s hash', async (size) => {
    const place = await open();
    const { storage } = await openS3(place);
    const bytes = randomBytes(size);
    for (const other of [randomBytes(size), bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
      expect(await storage.importFile(randomUUID(), fileOf(bytes, other), OPTIONS)).toBe('differs');
    }
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
  });

  test('replaces an object with other bytes, whether its size differs or not', async () => {
    const { storage, served } = await openS3(await open());
    const key = randomUUID();
    const [first, same, longer] = [randomBytes(100), randomBytes(100), randomBytes(101)];
    for (const bytes of [first, same, longer]) {
      expect(await storage.importFile(key, fileOf(bytes), OPTIONS)).toBe('sent');
      expect((await served(key))?.equals(bytes)).toBe(true);
    }
  });
});

describe('S3Storage.importFile to a store that lies', () => {
  const defects: [Defect, number][] = [
    ['put_flips_a_bit', 100],
    ['put_flips_a_bit', 11 * MIB],
    ['put_truncated', 100],
    ['read_flips_a_bit', 11 * MIB],
    ['parts_mixed_up', 11 * MIB],
    ['head_tells_other_size', 11 * MIB],
  ];
  test.each(defects)('fails because the store is not reliable: %s, with %i bytes', async (defect, size) => {
    const place = await fakeS3Place();
    const { storage } = await openS3(place);
    place.fake.defects.add(defect);
    const bringing = storage.importFile(randomUUID(), fileOf(randomBytes(size)), OPTIONS);
    await expect(bringing).rejects.toMatchObject({ code: 'verification_failed' });
    expect(await objectsIn(place)).toMatchObject({ artifacts: 0, uploads: [] });
  });
});
