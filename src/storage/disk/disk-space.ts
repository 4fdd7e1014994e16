import { statfsSync } from 'node:fs';
import { OtaError } from '../../errors.ts';
import { HEADROOM } from '../../runtime/disk-room.ts';

const MIB = 1024 * 1024;
/** Bytes that an upload reserves at first; each further step is twice as large, so that it is the bytes that count. */
const FIRST_STEP = MIB;
const LARGEST_STEP = 32 * MIB;
/** How many bytes of an upload may have arrived and not been written yet. */
const UNWRITTEN = 2 * MIB;

/** The space that uploads in progress may still take on the disk of a folder. */
export class DiskSpace {
  readonly #freeBytes: () => number;
  #reserved = 0;

  /** @param freeBytes replaced in tests */
  constructor(folder: string, freeBytes = () => freeBytesOf(folder)) {
    this.#freeBytes = freeBytes;
  }

  /** Bytes that uploads in progress have reserved and not written yet. */
  get reserved(): number {
    return this.#reserved;
  }

  /** @throws OtaError `no_space` when an upload of that size would not fit by now */
  requireRoomFor(size: number): void {
    if (this.#freeBytes() >= this.#reserved + size + HEADROOM) return;
    throw new OtaError('no_space', `the disk has no room for ${size} bytes`, {
      hint: 'Free space on the disk of the data folder; checks and downloads still work.',
    });
  }

  /**
   * Reserves space for an upload as its bytes arrive: what was only announced keeps no other upload out.
   * @throws OtaError `no_space`
   */
  reserve(size: number): SpaceReservation {
    this.requireRoomFor(size);
    const take = (bytes: number) => {
      this.requireRoomFor(bytes);
      this.#reserved += bytes;
    };
    const giveBack = (bytes: number) => {
      this.#reserved -= bytes;
    };
    return new SpaceReservation(size, { take, giveBack });
  }
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

interface Space {
  readonly take: (bytes: number) => void;
  readonly giveBack: (bytes: number) => void;
}

/** What one upload has reserved. Has to be ended. */
export class SpaceReservation {
  readonly #size: number;
  readonly #space: Space;
  #step = FIRST_STEP;
  /** Bytes from the start of the upload. */
  #reservedUpTo = 0;
  #writtenUpTo = 0;

  constructor(size: number, space: Space) {
    this.#size = size;
    this.#space = space;
    this.#extend();
  }

  /** The body, as far as there is room for it. @throws OtaError `no_space` */
  async *cover(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let arrived = 0;
    for await (const chunk of body) {
      arrived += chunk.length;
      while (this.#reservedUpTo < Math.min(arrived, this.#size)) this.#extend();
      this.#giveBackUpTo(arrived - UNWRITTEN);
      yield chunk;
    }
  }

  end(): void {
    this.#giveBackUpTo(this.#reservedUpTo);
  }

  #extend(): void {
    const bytes = Math.min(this.#step, this.#size - this.#reservedUpTo);
    this.#space.take(bytes);
    this.#reservedUpTo += bytes;
    this.#step = Math.min(2 * this.#step, LARGEST_STEP);
  }

  #giveBackUpTo(end: number): void {
    const written = Math.min(end, this.#reservedUpTo) - this.#writtenUpTo;
    if (written <= 0) return;
    this.#space.giveBack(written);
    this.#writtenUpTo += written;
  }
}
