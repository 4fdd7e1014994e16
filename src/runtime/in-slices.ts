import { setImmediate as afterOthers } from 'node:timers/promises';

/** How long work goes on before others have their turn, in milliseconds. */
const SLICE_MS = 5;

/** Does work that may take long a little at a time, so that the event loop answers others in between. */
export async function inSlices<T>(work: Generator<unknown, T>): Promise<T> {
  for (let start = performance.now(); ; ) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - start < SLICE_MS) continue;
    await afterOthers();
    start = performance.now();
  }
}

/** Does the same work at once. */
export function atOnce<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
