import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of used buffers after which they are collected. */
export const COLLECT_EVERY = 8 * 1024 ** 2;

type CollectGarbage = (options: { readonly type: 'minor' }) => void;

let collectGarbage: CollectGarbage | undefined;
let used = 0;

/**
 * To be called by what streams a file, with the bytes of each buffer that it needs no longer. From Node 24 on V8 lets
 * tens of MiB of them pile up: 1 GiB is published in 120 MiB of memory instead of 165, for some 0.1 s of collecting.
 */
export function countUsedBuffer(bytes: number): void {
  used += bytes;
  if (used < COLLECT_EVERY) return;
  used = 0;
  collectGarbage ??= exposeGarbageCollector();
  collectGarbage({ type: 'minor' });
}

/** V8's `gc`, which a new context has once the flag is set. */
function exposeGarbageCollector(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
