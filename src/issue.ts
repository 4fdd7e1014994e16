import { OtaError, type OtaErrorCode } from './errors.ts';

/** What an issue is about, and what is wrong with it: stable, so that tests and callers need not read sentences. */
export type IssueId =
  `${'app' | 'bundle' | 'file' | 'project' | 'release' | 'server' | 'signature'}.${Lowercase<string>}`;

/** Something that keeps a publish from starting. All are found first and reported together. */
export interface Issue {
  readonly id: IssueId;
  readonly code: Extract<OtaErrorCode, 'usage' | 'preflight_refused' | 'conflict'>;
  readonly message: string;
  readonly hint: string;
  /** The file that is refused, where it is one alone. */
  readonly file?: string;
}

/** One error for all issues: with the code of the first kind there is, in the order usage, pre-flight, conflict. */
export function toError(issues: readonly [Issue, ...Issue[]]): OtaError {
  const [first] = issues;
  const issueIds = issues.map(({ id }) => id);
  if (issues.length === 1) return new OtaError(first.code, first.message, { hint: first.hint, issueIds });
  const codes = ['usage', 'preflight_refused', 'conflict'] as const;
  const code = codes.find((candidate) => issues.some((issue) => issue.code === candidate)) ?? first.code;
  const lines = issues.map(({ message, hint }) => `  - ${message}. ${hint}`);
  return new OtaError(code, [`${issues.length} problems, nothing was published:`, ...lines].join('\n'), {
    issueIds,
  });
}

/** Throws them if there are any. */
export function throwIssues(issues: readonly Issue[]): void {
  const [first, ...others] = issues;
  if (first !== undefined) throw toError([first, ...others]);
}
