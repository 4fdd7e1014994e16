import { randomFillSync, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { OtaError } from '../errors.ts';
import { isNoSpace } from './error-details.ts';

/** Space that all writes leave free on the disk, in bytes, but those that free something. */
export const HEADROOM = 64 * 1024 * 1024;

const MIB = 1024 * 1024;
/** The file that keeps space for what has to work on a full disk. */
export const RESERVE_FILE = 'reserve';
const RESERVE_SIZE = 8 * MIB;
/** How much of it is given up at once: about what the deletion of a release takes. */
const SLICE = 128 * 1024;
/** More than a start takes. */
const ENOUGH = MIB;
const BLOCK = 64 * 1024;
const REFILL_DELAY_MS = 200;

/**
 * The space on the disk of a data folder. What adds to the store leaves some of it free. What frees space, or must not
 * wait for it, also works when another program has filled the disk: space is reserved for that in a file.
 */
export class DiskRoom {
  readonly #folder: string;
  readonly #reserve: string;
  #users = 0;
  #refill: NodeJS.Timeout | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.#reserve = join(folder, RESERVE_FILE);
  }

  /** @throws OtaError `no_space` while the disk has no room for what adds to the store */
  requireHeadroom(): void {
    if (this.freeBytes >= HEADROOM) return;
    throw new OtaError('no_space', `less than 64 MiB are free on the disk of ${this.#folder}`, {
      hint: 'Free space there, or delete releases: deleting, yanking and revoking still work.',
    });
  }

  /**
   * Does something that has to work on a full disk. It may be tried again, so it must have changed nothing when it fails
   * for lack of space.
   */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#refill);
    this.#users++;
    try {
      for (;;) {
        try {
          return await work();
        } catch (error) {
          if (!isNoSpace(error) || !this.#giveSlice()) throw error;
        }
      }
    } finally {
      this.#users--;
      if (this.#users === 0) this.#refillLater();
    }
  }

  /** Gives some of the reserve up if the disk is full. */
  makeRoom(): void {
    while (existsSync(this.#folder) && this.isFull && this.#giveSlice());
  }

  get isFull(): boolean {
    return this.freeBytes < ENOUGH;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }

  /** Reserves as much as the disk has room for, up to the whole. */
  fill(): void {
    clearTimeout(this.#refill);
    try {
      if (!existsSync(this.#reserve)) closeSync(openSync(this.#reserve, 'wx', 0o600));
      this.refill();
    } catch {
      return; // the folder cannot be written
    }
  }

  /** The same, where a server has reserved some. */
  refill(): void {
    try {
      const file = openSync(this.#reserve, 'r+');
      try {
        fillFile(file);
      } finally {
        closeSync(file);
      }
    } catch {
      return; // the disk is full
    }
  }

  close(): void {
    clearTimeout(this.#refill);
  }

  #refillLater(): void {
    this.#refill = setTimeout(() => this.fill(), REFILL_DELAY_MS).unref();
  }

  #giveSlice(): boolean {
    try {
      const { size } = statSync(this.#reserve);
      truncateSync(this.#reserve, Math.max(0, size - SLICE));
      return size > 0;
    } catch {
      return false; // none is reserved, or another user's
    }
  }
}

/** Writes what cannot be compressed, so that it takes the space on any file system. */
function fillFile(file: number): void {
  const block = Buffer.allocUnsafe(BLOCK);
  for (let { size } = fstatSync(file); size < RESERVE_SIZE; ) {
    size += writeSync(file, randomFillSync(block), 0, BLOCK, size);
  }
}

/** Whether nothing more can be written to a folder: the disk is full, or a quota is used up, which only a try shows. */
export function isFull(folder: string): boolean {
  const probe = join(folder, `probe-${randomUUID()}`);
  try {
    const file = openSync(probe, 'wx', 0o600);
    try {
      writeSync(file, Buffer.alloc(BLOCK, 'x'));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return false;
  } catch (error) {
    return isNoSpace(error);
  } finally {
    rmSync(probe, { force: true });
  }
}
