import { OtaError } from '../errors.ts';

/** Gathers what is wrong with flags and settings, so that all of it is said at once. */
export class Problems {
  readonly #found: string[] = [];

  /** @param problem a sentence that names the flag and what to do */
  add(problem: string): void {
    this.#found.push(problem);
  }

  /** Turns a failing read into a problem. */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof OtaError)) throw error;
      this.add([error.message, error.hint].filter(Boolean).join('. '));
      return undefined;
    }
  }

  /** The same for what takes its time. */
  async attemptAsync<T>(read: () => Promise<T>): Promise<T | undefined> {
    const outcome = await read().then(
      (value) => () => value,
      (error) => () => {
        throw error;
      },
    );
    return this.attempt(outcome);
  }

  /** @throws OtaError `usage` naming every problem, if there is any */
  throwIfAny(): void {
    if (this.#found.length === 0) return;
    if (this.#found.length === 1) throw new OtaError('usage', this.#found[0] ?? '');
    const lines = this.#found.map((problem) => `  - ${problem}`);
    throw new OtaError('usage', [`${this.#found.length} problems:`, ...lines].join('\n'));
  }
}
