import { createCipheriv, randomBytes, randomUUID } from 'node:crypto';
import { type Period, periodsAt } from '../../protocol/stats/period.ts';
import { BLOCK_BYTES } from './client-block.ts';

/** How long before a period begins its key is made, in milliseconds, so that all processes have it in time. */
const AHEAD_MS = 10 * 60 * 1000;

/** Turns clients into hashes, for one period. What it has counted is of one generation. */
export interface PeriodKey {
  /** Another one when a key was lost, so that counts of both cannot be merged. */
  readonly generation: string;
  /** 16 random bytes, which are nowhere but in the memory of the processes that serve. */
  readonly secret: Buffer;
}

/** The keys of this process. */
export class PeriodKeys {
  readonly #keys = new Map<string, PeriodKey>();

  /** The periods that keys are needed for, now and soon; forgets all others. @param now milliseconds since 1970 */
  needed(now: number): readonly Period[] {
    const current = periodsAt(now);
    const isCurrent = new Set(current.map(({ name }) => name));
    const needed = [...current, ...periodsAt(now + AHEAD_MS).filter(({ name }) => !isCurrent.has(name))];
    for (const name of this.#keys.keys())
      if (!needed.some((period) => period.name === name)) this.#keys.delete(name);
    return needed;
  }

  get(period: string): PeriodKey | undefined {
    return this.#keys.get(period);
  }

  set(period: string, key: PeriodKey | undefined): void {
    if (key === undefined) this.#keys.delete(period);
    else this.#keys.set(period, key);
  }

  /** Makes those that are missing: for a process that counts alone. */
  make(now: number): void {
    for (const { name } of this.needed(now)) if (!this.#keys.has(name)) this.set(name, newKey());
  }
}

export function newKey(): PeriodKey {
  return { generation: randomUUID(), secret: randomBytes(BLOCK_BYTES) };
}

/**
 * Hashes many blocks at once, each for itself: AES with a random key is a pseudorandom function of a block, and the fastest
 * that Node has for many short inputs. Without the key, a hash says nothing of a client.
 */
export function hashBlocks({ secret }: PeriodKey, blocks: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ecb', secret, null).setAutoPadding(false);
  return cipher.update(blocks);
}
