import { OtaError } from '../../errors.ts';
import type { Issue, IssueId } from '../../issue.ts';

type ErrorCode = 'usage' | 'preflight_refused';

/** Collects what is wrong with options, settings and files, so that it is reported together. */
export class OptionErrors {
  readonly #found: { readonly text: string; readonly code: ErrorCode }[] = [];
  readonly #issueIds: IssueId[] = [];

  /** @param text a sentence that names the option and what to do */
  add(text: string, code: ErrorCode = 'usage'): void {
    this.#found.push({ text, code });
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  addIssues(issues: readonly Issue[]): void {
    for (const { id, code, message, hint } of issues) {
      this.#issueIds.push(id);
      this.add(`${message}. ${hint}`, code === 'usage' ? 'usage' : 'preflight_refused');
    }
  }

  /** Adds the error of a read that fails. @returns what was read, else undefined */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#catch(error);
      return undefined;
    }
  }

  /** `attempt` for an asynchronous read. */
  async attemptAsync<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#catch(error);
      return undefined;
    }
  }

  /** @throws OtaError as `toError`, if there is anything to report */
  throwIfAny(): void {
    if (!this.isEmpty) throw this.toError();
  }

  /** One error that names everything: `usage`, unless no error has that code. */
  toError(): OtaError {
    const code = this.#found.every((error) => error.code === 'preflight_refused')
      ? 'preflight_refused'
      : 'usage';
    const texts = this.#found.map(({ text }) => text);
    const issueIds = this.#issueIds;
    if (texts.length === 1) return new OtaError(code, texts.join(), { issueIds });
    return new OtaError(code, `${texts.length} problems:`, { items: texts, issueIds });
  }

  #catch(error: unknown): void {
    if (!(error instanceof OtaError)) throw error;
    this.add([error.lines.join(' '), error.hint].filter(Boolean).join('. '));
  }
}
