import pMap from 'p-map';

export interface ConcurrencyOptions {
  /** How many at once. */
  readonly concurrency: number;
  /** Starts no more once it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * Maps values, several at once. After a failure, also one of reading the values, it starts no more, and rejects with the
 * first error only once those that run have ended: nothing is read, written or sent any more when the caller closes or
 * removes what they use.
 */
export async function mapConcurrently<T, R>(
  values: Iterable<T> | AsyncIterable<T>,
  map: (value: T, index: number) => Promise<R>,
  { concurrency, signal }: ConcurrencyOptions,
): Promise<R[]> {
  const failures: unknown[] = [];
  async function* untilFailure(): AsyncGenerator<T> {
    try {
      for await (const value of values) {
        if (failures.length > 0) return;
        signal?.throwIfAborted();
        yield value;
      }
    } catch (error) {
      failures.push(error);
    }
  }
  const mapped = await pMap(
    untilFailure(),
    async (value, index): Promise<R[]> => {
      try {
        return [await map(value, index)];
      } catch (error) {
        failures.push(error);
        return [];
      }
    },
    { concurrency },
  );
  if (failures.length > 0) throw failures[0];
  return mapped.flat(1) as R[];
}
