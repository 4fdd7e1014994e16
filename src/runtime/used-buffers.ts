import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of used buffers after which they are collected. */
export const COLLECT_EVERY = 8 * 1024 ** 2;

interface Collection {
  readonly type: 'minor' | 'major';
  readonly flavor?: 'last-resort';
}

let exposed: ((collection: Collection) => void) | undefined;
let used = 0;

/**
 * To be called by what streams a file and cannot free its buffers, with the bytes of each that it needs no longer. From
 * Node 24 on V8 lets tens of MiB of them pile up; collecting those of 1 GiB takes some 0.1 s.
 */
export function countUsedBuffer(bytes: number): void {
  used += bytes;
  if (used < COLLECT_EVERY) return;
  used = 0;
  collectGarbage({ type: 'minor' });
}

/** Gives memory back to the system that nothing uses, also what V8 keeps of threads that ended. Takes some 20 ms. */
export function collectAllGarbage(): void {
  collectGarbage({ type: 'major', flavor: 'last-resort' });
}

function collectGarbage(collection: Collection): void {
  exposed ??= exposeGarbageCollector();
  exposed(collection);
}

/** Frees the memory of a buffer at once, if it has it for itself. Nothing may use it any more. */
export function freeBuffer({ buffer, byteLength }: Uint8Array<ArrayBufferLike>): void {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isOwn && !buffer.detached) buffer.transfer(0);
}

/** V8's `gc`, which a new context has once the flag is set. */
function exposeGarbageCollector(): (collection: Collection) => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
