import { randomFillSync } from 'node:crypto';

const CHUNK = 1024 * 1024;

/** That number of random bytes, piece by piece. */
export function* randomStream(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= CHUNK) {
    yield randomFillSync(Buffer.allocUnsafe(Math.min(CHUNK, left)));
  }
}
