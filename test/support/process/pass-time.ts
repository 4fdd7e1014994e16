import { vi } from 'vitest';

/** The step of the clock in milliseconds: sockets are real, and get a turn of the event loop in between. */
const STEP_MS = 50;

/**
 * Does something and lets time pass until it is done, so that the test does not wait for `setTimeout`. The date is that
 * of the machine.
 */
export async function passTime<T>(act: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let isDone = false;
    const acting = act().finally(() => {
      isDone = true;
    });
    acting.catch(() => {}); // reported below
    while (!isDone) await vi.advanceTimersByTimeAsync(STEP_MS);
    return await acting;
  } finally {
    vi.useRealTimers();
  }
}
