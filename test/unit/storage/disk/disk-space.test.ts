import { describe, expect, test } from 'vitest';
import { DiskSpace, type SpaceReservation } from '../../../../src/storage/disk/disk-space.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;

/** A disk with that many bytes free. What is written to it is not counted. */
const diskWith = (free: number) => new DiskSpace('/', () => free);

/** Bytes of an upload, of which only the number is read. */
async function* arriving(...lengths: readonly number[]): AsyncIterable<Buffer> {
  for (const length of lengths) yield { length } as Buffer;
}

async function cover(reservation: SpaceReservation, ...lengths: readonly number[]): Promise<void> {
  for await (const _ of reservation.cover(arriving(...lengths)));
}

const noSpace = expect.objectContaining({ code: 'no_space' });

describe('attack H2: uploads that announce all of the disk', () => {
  test('and send a byte keep no other out', async () => {
    const space = diskWith(3 * GIB);
    for (let i = 0; i < 40; i++) await cover(space.reserve(2 * GIB), 1);
    expect(() => space.reserve(2 * GIB)).not.toThrow();
  });

  test('keep others out as far as their bytes arrive, and no more than 34 MiB each before they are written', async () => {
    const space = diskWith(3 * GIB);
    const reservation = space.reserve(2 * GIB);
    expect(space.reserved).toBe(MIB);
    const body = reservation.cover(arriving(MIB, 1, 2 * MIB, 28 * MIB, 500 * MIB, 500 * MIB));
    const reserved: number[] = [];
    while (!(await body.next()).done) reserved.push(space.reserved);
    expect(Math.max(...reserved)).toBeGreaterThan(16 * MIB);
    expect(Math.max(...reserved)).toBeLessThanOrEqual(34 * MIB);
    reservation.end();
    expect(space.reserved).toBe(0);
  });
});

describe('an upload', () => {
  test('that does not fit beside the headroom is refused before its first byte', async () => {
    const space = diskWith(GIB);
    for (const size of [GIB, GIB - 63 * MIB]) {
      expect(() => space.reserve(size)).toThrow(noSpace);
      expect(() => space.requireRoomFor(size)).toThrow(noSpace);
    }
    expect(() => space.reserve(GIB - 64 * MIB)).not.toThrow();
    expect(() => new DiskSpace('/').reserve(2 ** 60)).toThrow(noSpace);
  });

  test('is refused while it arrives if others have filled the disk', async () => {
    let free = GIB;
    const space = new DiskSpace('/', () => free);
    const reservation = space.reserve(500 * MIB);
    const body = reservation.cover(arriving(MIB, 100 * MIB));
    await body.next();
    free = 100 * MIB;
    await expect(body.next()).rejects.toEqual(noSpace);
    reservation.end();
    expect(space.reserved).toBe(0);
  });

  test('of a few bytes reserves no more than these', async () => {
    const space = diskWith(GIB);
    const reservation = space.reserve(1000);
    await cover(reservation, 500, 500, 500);
    expect(space.reserved).toBe(1000);
    reservation.end();
    expect(space.reserved).toBe(0);
  });
});

test('the space of a folder is that of its disk', async () => {
  const space = new DiskSpace(await tempFolder());
  expect(() => space.reserve(1)).not.toThrow();
});
