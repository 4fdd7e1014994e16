import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FileHash } from '../../../../src/runtime/hashing/file-hash.ts';
import { DiskStorage } from '../../../../src/storage/disk/disk-storage.ts';
import { TurnTable } from '../../../../src/storage/disk/part-turns.ts';
import type { MultipartUploadKey } from '../../../../src/storage/remote-storage.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const PART = 100_000;
const BYTES = randomBytes(2 * PART + 5);
const SIZES = [PART, PART, 5];
const KEYS = {
  current: async () => ({ id: '00000000', secret: Buffer.alloc(32) }),
  find: async () => undefined,
};

let dataDir = '';
/** On the same folder, each as in a process of its own. */
let nodes: readonly DiskStorage[] = [];
let calls = 0;
let upload: MultipartUploadKey;

/** The node that takes the next request: they take turns. */
function node(): DiskStorage {
  calls += 1;
  const next = nodes[calls % nodes.length];
  if (next === undefined) throw new Error('no node is open');
  return next;
}
const parts = () => node().arrivals.parts;

/** As after a restart of the server: nothing is known but what is on the disk. */
const reopen = async (count = nodes.length) => {
  const turns = count > 1 ? new TurnTable() : undefined;
  const options = { dataDir, keys: KEYS, publicUrl: () => 'https://updates.example.com', turns };
  nodes = await Promise.all(Array.from({ length: count }, () => DiskStorage.open(options)));
};

async function* stream(bytes: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000);
}

function partOf(number: number, bytes: Buffer = BYTES) {
  const offset = (number - 1) * PART;
  const size = SIZES[number - 1] ?? 0;
  return { number, size, offset, blake2b512: true, body: stream(bytes.subarray(offset, offset + size)) };
}

async function put(number: number, bytes?: Buffer): Promise<string> {
  const result = await parts().write(upload, partOf(number, bytes));
  if (result.kind !== 'stored') throw new Error(result.kind);
  return result.etag;
}

const staged = ({ storageKey }: { readonly storageKey: string }) =>
  readFile(join(dataDir, 'staging', storageKey));

const arrived = async () => [...((await parts().arrived(upload))?.keys() ?? [])].sort();
const WHOLE = { size: BYTES.length, blake2b512: true, identified: true };
const receive = () => node().arrivals.receive('upload', WHOLE);

describe.each([
  ['', 1],
  [' to two workers', 2],
])('an upload in parts%s', (_, count) => {
  beforeEach(async () => {
    dataDir = await tempFolder();
    await reopen(count);
    upload = { uploadId: 'upload', multipartId: await parts().start('upload', BYTES.length) };
  });

  test('field 13: is what its parts are, in whatever order they came, and no part is copied', async () => {
    const etags = [await put(3), await put(1), await put(2)];
    const inOrder = [etags[1] ?? '', etags[2] ?? '', etags[0] ?? ''];
    expect(await parts().assemble(upload, inOrder)).toBe('assembled');
    expect(await readdir(join(dataDir, 'parts'))).toEqual([]);
    const received = await receive();
    if (received.kind !== 'received') throw new Error(received.kind);
    expect((await staged(received)).equals(BYTES)).toBe(true);
    await received.promote();
    await received.discardArrived();
    expect((await readFile(node().path(received.storageKey))).equals(BYTES)).toBe(true);
    expect(await readdir(join(dataDir, 'staging'))).toEqual([]);
    expect(await parts().write(upload, partOf(1))).toEqual({ kind: 'gone' });
  });

  test('field 13: has after a restart the parts that were stored, and is received again if that was cut short', async () => {
    const first = await put(1);
    await reopen();
    expect(await arrived()).toEqual([1]);
    const etags = [first, await put(2), await put(3)];
    await parts().assemble(upload, etags);
    await reopen();
    expect(await node().arrivals.hasArrived('upload')).toBe(true);
    expect((await receive()).kind).toBe('received');
    await reopen(); // before it was promoted
    const again = await receive();
    if (again.kind !== 'received') throw new Error(again.kind);
    expect((await staged(again)).equals(BYTES)).toBe(true);
  });

  test.each(['{"part":2,"size":1000', '\n\u0000\u0000', 'text\n', '{"part":2,"size":"1","etag":"x"}\n'])(
    'ignores the line %j, which a crash may leave in its journal',
    async (torn) => {
      await put(1);
      await appendFile(join(dataDir, 'parts', `upload.${upload.multipartId}`, 'parts'), torn);
      await reopen();
      expect(await arrived()).toEqual([1]);
      await put(3);
      await reopen();
      expect(await arrived()).toEqual([1, 3]);
    },
  );

  test('field 13: is not hashed on where the database fails before it is received, and can be received again', async () => {
    const etags = [await put(1), await put(2), await put(3)];
    await parts().assemble(upload, etags);
    const hashing = vi.spyOn(FileHash.prototype, 'cancel');
    const newStorageKey = async () => {
      throw new Error('the database is away');
    };
    const receiving = nodes.map((one) => one.arrivals.receive('upload', { ...WHOLE, newStorageKey }));
    for (const outcome of await Promise.allSettled(receiving)) {
      expect(outcome).toMatchObject({ reason: { message: 'the database is away' } });
    }
    expect(hashing).toHaveBeenCalledTimes(count === 1 ? 1 : 0); // of several workers none hashes before
    hashing.mockRestore();
    expect(await receive()).toMatchObject({ kind: 'received' });
  });

  test('lacks a part again from when other bytes for it begin to arrive until they are stored', async () => {
    const before = await put(1);
    await put(2);
    let begun = () => {};
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let fail = () => {};
    const body = (async function* () {
      yield randomBytes(1000);
      begun();
      await new Promise<void>((_, reject) => {
        fail = () => reject(new Error('the connection broke'));
      });
    })();
    const writing = expect(parts().write(upload, { ...partOf(1), body })).rejects.toThrow('broke');
    await isBegun;
    expect(await arrived()).toEqual([2]);
    fail();
    await writing;
    await reopen();
    expect(await arrived()).toEqual([2]);
    expect(await put(1)).toBe(before);
    const etags = [before, await put(2), await put(3)];
    expect(await parts().assemble(upload, etags)).toBe('assembled');
    const received = await receive();
    expect(received.kind === 'received' && (await staged(received)).equals(BYTES)).toBe(true);
  });

  test('is hashed as it is where a part is written again while others arrive', async () => {
    for (let attempt = 0; attempt < 40; attempt++) {
      const uploadId = `again-${attempt}`;
      upload = { uploadId, multipartId: await parts().start(uploadId, BYTES.length) };
      await put(1);
      const later = sleep(attempt / 8).then(() => put(1, randomBytes(BYTES.length)));
      const [second, first] = await Promise.all([put(2), later]);
      expect(await parts().assemble(upload, [first, second, await put(3)])).toBe('assembled');
      const received = await node().arrivals.receive(uploadId, {
        size: BYTES.length,
        blake2b512: true,
        identified: true,
      });
      if (received.kind !== 'received') throw new Error(received.kind);
      const bytes = await staged(received);
      expect(received.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  test('field 14: is hashed once, in whatever order its parts are stored', async () => {
    const cancelled = vi.spyOn(FileHash.prototype, 'cancel');
    for (let attempt = 0; attempt < 40; attempt++) {
      const uploadId = `once-${attempt}`;
      upload = { uploadId, multipartId: await parts().start(uploadId, BYTES.length) };
      const etags = await Promise.all([put(1), put(2), put(3)]);
      expect(await parts().assemble(upload, etags)).toBe('assembled');
      const received = await node().arrivals.receive(uploadId, WHOLE);
      expect(received.kind).toBe('received');
    }
    expect(cancelled).not.toHaveBeenCalled();
    cancelled.mockRestore();
  });

  test('keeps a part until the first bytes of the request that sends it again', async () => {
    const etags = [await put(1), await put(2), await put(3)];
    const body = (async function* () {
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield* [] as Buffer[];
      throw new Error('the connection broke');
    })();
    await expect(parts().write(upload, { ...partOf(1), body })).rejects.toThrow('broke');
    expect(await arrived()).toEqual([1, 2, 3]);
    expect(await parts().assemble(upload, etags)).toBe('assembled');
  });

  test('ends the parts that are being written when it is aborted', async () => {
    let begun = () => {};
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const body = (async function* () {
      yield randomBytes(10);
      begun();
      await new Promise(() => {});
    })();
    const writing = parts().write(upload, { ...partOf(2), body });
    await isBegun;
    await parts().abort(upload);
    expect(await writing).toEqual({ kind: 'superseded' });
    expect(await parts().write(upload, partOf(2))).toEqual({ kind: 'gone' });
    expect(await readdir(join(dataDir, 'parts'))).toEqual([]);
  });

  test('field 13: takes a part from a connection that does not move any more', async () => {
    const body = (async function* () {
      yield randomBytes(10);
      await new Promise(() => {}); // its client is gone
    })();
    const first = parts().write(upload, { ...partOf(2), body });
    const now = vi.spyOn(performance, 'now').mockImplementation(() => Date.now() + later);
    let later = 0;
    const second = put(2);
    later = 60_000;
    expect(await first).toEqual({ kind: 'superseded' });
    await second;
    now.mockRestore();
    expect(await arrived()).toEqual([2]);
  });

  test('has one request at a time write a part, in the order that they came', async () => {
    const bytes = [BYTES, randomBytes(BYTES.length), randomBytes(BYTES.length), BYTES];
    const etags = await Promise.all(bytes.map((one) => put(1, one)));
    expect(new Set(etags).size).toBe(3);
    const others = [await put(2), await put(3)];
    expect(await parts().assemble(upload, [etags.at(-1) ?? '', ...others])).toBe('assembled');
    const received = await receive();
    expect(received.kind === 'received' && (await staged(received)).equals(BYTES)).toBe(true);
  });

  test('waits to be assembled for a part that is being written, and is hashed as it is then', async () => {
    const etags = [await put(1), await put(2), await put(3)];
    const other = randomBytes(BYTES.length);
    const writing = put(1, other);
    expect(await parts().assemble(upload, etags)).toBe('differ');
    expect(await parts().assemble(upload, [await writing, ...etags.slice(1)])).toBe('assembled');
    const received = await receive();
    const expected = Buffer.concat([other.subarray(0, PART), BYTES.subarray(PART)]);
    expect(received.kind === 'received' && (await staged(received)).equals(expected)).toBe(true);
  });

  test('is gone, and leaves nothing, where a crash came between its assembly and the end of its folder', async () => {
    const etags = [await put(1), await put(2), await put(3)];
    const folder = join(dataDir, 'parts', `upload.${upload.multipartId}`);
    const journal = await readFile(join(folder, 'parts'));
    expect(await parts().assemble(upload, etags)).toBe('assembled');
    await mkdir(folder);
    await writeFile(join(folder, 'parts'), journal);
    await reopen();
    expect(await parts().arrived(upload)).toBeUndefined();
    expect(await parts().write(upload, partOf(1))).toEqual({ kind: 'gone' });
    expect(await parts().assemble(upload, etags)).toBe('gone');
    expect(await readdir(join(dataDir, 'parts'))).toEqual([]);
    expect((await receive()).kind).toBe('received');
  });

  test('has the length of a part checked, and leaves nothing once aborted', async () => {
    const short = { ...partOf(1), body: stream(BYTES.subarray(0, PART - 1)) };
    expect(await parts().write(upload, short)).toEqual({ kind: 'size_differs' });
    const long = { ...partOf(1), body: stream(BYTES) };
    expect(await parts().write(upload, long)).toEqual({ kind: 'size_differs' });
    expect(await arrived()).toEqual([]);
    await parts().abort(upload);
    await parts().abort(upload);
    expect(await readdir(join(dataDir, 'parts'))).toEqual([]);
    expect(await parts().arrived(upload)).toBeUndefined();
    expect(await parts().assemble(upload, ['x'])).toBe('gone');
  });

  test('field 13: is refused at its start when the disk has no room for all of it', async () => {
    await expect(parts().start('other', 2 ** 52)).rejects.toMatchObject({ code: 'no_space' });
    expect(await readdir(join(dataDir, 'parts'))).toHaveLength(1);
  });

  test('is listed as unfinished from some time after it began, and strange files are not', async () => {
    await writeFile(join(dataDir, 'parts', 'notes'), 'of a person');
    const unfinished = async (olderThan: number) => {
      const found: MultipartUploadKey[] = [];
      for await (const one of parts().unfinished(new Date(olderThan))) found.push(one);
      return found;
    };
    expect(await unfinished(Date.now() - 60_000)).toEqual([]);
    expect(await unfinished(Date.now() + 60_000)).toEqual([upload]);
  });
});
