import { createHash, randomBytes } from 'node:crypto';
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../../../src/client/transfer/buffer-pool.ts';
import { findIdentity } from '../../../../src/client/transfer/file-identity.ts';
import { SourceFile } from '../../../../src/client/transfer/source-file.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const KIB = 1024;

async function sourceFile(size: number) {
  const bytes = randomBytes(size);
  const file = join(await tempFolder(), 'app.bin');
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { bytes, file, sha256, source: new SourceFile({ file, size, sha256 }) };
}

const all = { isWanted: () => true, partSize: 300 * KIB };

describe('a file that is read as a stream', () => {
  test.each([1, 1024 * KIB, 1024 * KIB + 1, 3000 * KIB])('of %i bytes gives all of them', async (size) => {
    const { bytes, source } = await sourceFile(size);
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.stream()) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    // So that even a slow upload shows that it moves.
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(256 * KIB);
  });

  test('and has been removed cannot be read', async () => {
    const { file, source } = await sourceFile(1);
    await rm(file);
    await expect(source.stream().next()).rejects.toMatchObject({ code: 'usage', status: undefined });
  });

  test('that is replaced by another with the same bytes fails before its end', async () => {
    const { bytes, file, source } = await sourceFile(2048 * KIB);
    const stream = source.stream();
    await stream.next();
    await writeFile(`${file}.new`, bytes);
    await rename(`${file}.new`, file);
    const rest = async () => {
      let given = 0;
      for await (const chunk of stream) given += chunk.length;
      return given;
    };
    await expect(rest()).rejects.toMatchObject({ code: 'preflight_refused' });
  });
});

describe('a file that is read in parts', () => {
  test.each([1, 300 * KIB - 1, 300 * KIB, 300 * KIB + 1, 512 * KIB, 600 * KIB, 1000 * KIB])(
    'of %i bytes gives all of them, in order',
    async (size) => {
      const { bytes, source } = await sourceFile(size);
      const buffers = new BufferPool(2 * 300 * KIB);
      const parts: Buffer[] = [];
      for await (const { number, bytes: part, release } of source.parts({ ...all, buffers })) {
        expect(number).toBe(parts.length + 1);
        parts.push(Buffer.from(part));
        release();
      }
      expect(parts.map(({ length }) => length)).toEqual([
        ...Array(Math.ceil(size / (300 * KIB)) - 1).fill(300 * KIB),
        size % (300 * KIB) || 300 * KIB,
      ]);
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    },
  );

  test('gives only the parts that are wanted, and allocates no memory for the others', async () => {
    const { bytes, source } = await sourceFile(1000 * KIB);
    const buffers = new BufferPool(300 * KIB);
    const options = { ...all, buffers, isWanted: (number: number) => number % 2 === 0 };
    const parts = [];
    for await (const { number, bytes: part, release } of source.parts(options)) {
      const offset = (number - 1) * 300 * KIB;
      expect(part.equals(bytes.subarray(offset, offset + 300 * KIB))).toBe(true);
      parts.push(number);
      release();
    }
    expect(parts).toEqual([2, 4]);
    for await (const _ of source.parts({ ...all, buffers, isWanted: () => false })) {
      expect.unreachable('nothing was wanted');
    }
  });

  test('waits for memory before it starts a part', async () => {
    const { source } = await sourceFile(600 * KIB);
    const parts = source.parts({ ...all, buffers: new BufferPool(300 * KIB) });
    const first = await parts.next();
    const second = parts.next();
    const had = await Promise.race([second.then(() => 'had'), setTimeout(50, 'waits')]);
    expect(had).toBe('waits');
    first.value?.release();
    expect((await second).value?.number).toBe(2);
    await parts.return(undefined); // closes the file
  });

  test.each<[string, (file: string, bytes: Buffer) => Promise<void>]>([
    ['is longer', (file) => appendFile(file, 'x')],
    ['is shorter', (file, bytes) => writeFile(file, bytes.subarray(0, -1))],
    ['has other bytes', (file, bytes) => writeFile(file, Buffer.from(bytes).reverse())],
  ])('and %s by now fails, and does not give its last part', async (_, change) => {
    const { bytes, file, source } = await sourceFile(600 * KIB);
    await change(file, bytes);
    const buffers = new BufferPool(10 * 300 * KIB);
    const given: number[] = [];
    const read = async () => {
      for await (const { number, release } of source.parts({ ...all, buffers })) {
        given.push(number);
        release();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'preflight_refused' });
    expect(given).not.toContain(2);
    const isWanted = () => false; // also where all of it is on the server
    const unread = source.parts({ ...all, buffers, isWanted }).next();
    await expect(unread).rejects.toMatchObject({ code: 'preflight_refused' });
  });

  test.each<[string, (file: string, bytes: Buffer) => Promise<void>]>([
    ['is longer', (file) => appendFile(file, 'x')],
    ['has other bytes', (file, bytes) => writeFile(file, Buffer.from(bytes).reverse())],
    [
      'is another with the same bytes',
      async (file, bytes) => {
        await writeFile(`${file}.new`, bytes);
        await rename(`${file}.new`, file);
      },
    ],
  ])('and has a known identity is not read at all once it %s', async (_, change) => {
    const { bytes, file, sha256 } = await sourceFile(600 * KIB);
    const identity = await findIdentity(file);
    await setTimeout(20); // the times of files are not exact
    const source = new SourceFile({ file, size: bytes.length, sha256, identity });
    await change(file, bytes);
    const parts = source.parts({ ...all, buffers: new BufferPool(300 * KIB) });
    await expect(parts.next()).rejects.toMatchObject({ code: 'preflight_refused' });
  });

  test('and has a known identity is not hashed again, but its last part is held back if it changes', async () => {
    const { bytes, file } = await sourceFile(600 * KIB);
    const expected = {
      file,
      size: bytes.length,
      sha256: 'left to the server',
      identity: await findIdentity(file),
    };
    const read = async (onFirst: () => Promise<void>) => {
      const given: number[] = [];
      const buffers = new BufferPool(10 * 300 * KIB);
      for await (const { number, bytes: part, release } of new SourceFile(expected).parts({
        ...all,
        buffers,
      })) {
        const offset = (number - 1) * 300 * KIB;
        expect(part.equals(bytes.subarray(offset, offset + 300 * KIB))).toBe(true);
        given.push(number);
        release();
        if (number === 1) await onFirst();
      }
      return given;
    };
    expect(await read(async () => {})).toEqual([1, 2]);
    await expect(read(() => appendFile(file, 'x'))).rejects.toMatchObject({ code: 'preflight_refused' });
  });

  test('releases its memory if it cannot be read, or is not read to its end', async () => {
    const { file, source } = await sourceFile(600 * KIB);
    const buffers = new BufferPool(300 * KIB);
    for await (const { release } of source.parts({ ...all, buffers })) {
      release();
      break;
    }
    await rm(file);
    await expect(source.parts({ ...all, buffers }).next()).rejects.toMatchObject({ code: 'usage' });
    expect((await buffers.take(300 * KIB)).bytes.length).toBe(300 * KIB);
  });
});
