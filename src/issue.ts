import { OtaError, type OtaErrorCode } from './errors.ts';

/** What an issue is about, and what is wrong with it: stable, so that tests and callers need not read sentences. */
export type IssueId =
  `${'app' | 'bundle' | 'file' | 'project' | 'release' | 'server' | 'signature'}.${Lowercase<string>}`;

/** Something that keeps a publish from starting. All are found first and reported together. */
export interface Issue {
  readonly id: IssueId;
  readonly code: Extract<OtaErrorCode, 'usage' | 'unauthorized' | 'preflight_refused' | 'conflict'>;
  readonly message: string;
  /** One imperative sentence: what the person can do next. */
  readonly hint: string;
  /** The refused file, where there is exactly one. */
  readonly file?: string;
}

/** A value, or every issue that keeps it from being used. */
export type Checked<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused'; readonly issues: readonly Issue[] };

export function ok<T>(value: T): Checked<T> {
  return { kind: 'ok', value };
}

export function refused(...issues: readonly Issue[]): Checked<never> {
  return { kind: 'refused', issues };
}

/** Sorts the results for a list into values and issues. */
export function collect<T>(results: readonly Checked<T>[]): { values: T[]; issues: Issue[] } {
  return {
    values: results.flatMap((result) => (result.kind === 'ok' ? [result.value] : [])),
    issues: results.flatMap(issuesOf),
  };
}

export function issuesOf(result: Checked<unknown>): readonly Issue[] {
  return result.kind === 'refused' ? result.issues : [];
}

/** @throws OtaError with all issues, as `toError` */
export function requireOk<T>(result: Checked<T>): T {
  if (result.kind === 'refused') throw toError(result.issues);
  return result.value;
}

/** @throws OtaError with all issues, as `toError`, if there are any */
export function throwIssues(issues: readonly Issue[]): void {
  if (issues.length > 0) throw toError(issues);
}

/** One error for all issues. Its code is the first that occurs, in the order usage, token, pre-flight, conflict. */
export function toError(issues: readonly Issue[]): OtaError {
  const codes = ['usage', 'unauthorized', 'preflight_refused', 'conflict'] as const;
  const code = codes.find((candidate) => issues.some((issue) => issue.code === candidate)) ?? 'usage';
  const issueIds = issues.map(({ id }) => id);
  const [first, ...others] = issues;
  if (first !== undefined && others.length === 0) {
    return new OtaError(code, first.message, { hint: first.hint, issueIds });
  }
  const items = issues.map(({ message, hint }) => `${message}. ${hint}`);
  return new OtaError(code, `${issues.length} problems, nothing was published:`, { items, issueIds });
}
