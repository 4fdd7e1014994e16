import { OtaError } from '../../errors.ts';
import type { Issue } from '../../issue.ts';

type ProblemKind = 'usage' | 'preflight_refused';

/** Gathers what is wrong with flags, settings and files, so that all of it is said at once. */
export class OptionErrors {
  readonly #found: { readonly text: string; readonly kind: ProblemKind }[] = [];

  /** @param text a sentence that names the flag and what to do */
  add(text: string, kind: ProblemKind = 'usage'): void {
    this.#found.push({ text, kind });
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  addIssues(issues: readonly Issue[]): void {
    for (const { code, message, hint } of issues) {
      this.add(`${message}. ${hint}`, code === 'usage' ? 'usage' : 'preflight_refused');
    }
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

  /** @throws OtaError naming every problem, if there is any: `usage`, unless none is of that kind */
  throwIfAny(): void {
    const [first] = this.#found;
    if (first === undefined) return;
    const code = this.#found.some(({ kind }) => kind === 'usage') ? 'usage' : 'preflight_refused';
    if (this.#found.length === 1) throw new OtaError(code, first.text);
    const lines = this.#found.map(({ text }) => `  - ${text}`);
    throw new OtaError(code, [`${this.#found.length} problems:`, ...lines].join('\n'));
  }
}
