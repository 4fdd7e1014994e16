import { vi } from 'vitest';

/** How far the clock moves at once, in milliseconds: sockets are real, and get a turn of the event loop in between. */
const STEP_MS = 50;

/**
 * Does something and lets time pass until it is done: what waits by `setTimeout` from then on does not keep the test
 * waiting. The date is that of the machine.
 */
export async function passTime<T>(act: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let isDone = false;
    const acting = act().finally(() => {
      isDone = true;
    });
    acting.catch(() => {}); // told below
    while (!isDone) await vi.advanceTimersByTimeAsync(STEP_MS);
    return await acting;
  } finally {
    vi.useRealTimers();
  }
}
