import { Problem } from '../../protocol/problem.ts';

/** A client is too slow if it sends or reads less than this while the server waits for it for that long: 1 KiB a second. */
export const MIN_BYTES = 60 * 1024;
export const WINDOW_MS = 60_000;

const CHECK_MS = 5000;

/** Only the time counts in which the server waits. */
class Waiting {
  #bytes = 0;
  #waitedMs = 0;
  #since: number | undefined;

  starts(): void {
    this.#since = performance.now();
  }

  ends(bytes: number): void {
    this.#waitedMs = this.#sum();
    this.#since = undefined;
    this.#bytes += bytes;
  }

  isTooLong(): boolean {
    const waitedMs = this.#sum();
    if (waitedMs < WINDOW_MS) return false;
    if (this.#bytes < MIN_BYTES) return true;
    this.#bytes = 0;
    this.#waitedMs = 0;
    if (this.#since !== undefined) this.starts();
    return false;
  }

  #sum(): number {
    return this.#waitedMs + (this.#since === undefined ? 0 : performance.now() - this.#since);
  }
}

/** The body of an upload. @throws Problem `request_timeout` when its client is too slow */
export async function* atMinimumRate(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const waiting = new Waiting();
  const iterator = body[Symbol.asyncIterator]();
  let giveUp = (_reason: Problem) => {};
  const timer = setInterval(() => waiting.isTooLong() && giveUp(tooSlowProblem()), CHECK_MS);
  try {
    for (;;) {
      waiting.starts();
      const { done, value } = await new Promise<IteratorResult<Buffer>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      if (done) return;
      waiting.ends(value.length);
      yield value;
    }
  } finally {
    clearInterval(timer);
    // Not awaited: of a client that is too slow it ends with the connection.
    iterator.return?.(undefined).catch(() => {});
  }
}

function tooSlowProblem(): Problem {
  return new Problem(
    'request_timeout',
    `The upload is too slow: it has to send ${MIN_BYTES / 1024} KiB a minute.`,
  );
}
