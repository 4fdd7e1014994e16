import { OtaError, type OtaErrorCode } from './errors.ts';

/** Something that keeps a publish from starting. All are found first and reported together. */
export interface Issue {
  readonly code: Extract<OtaErrorCode, 'usage' | 'preflight_refused' | 'conflict'>;
  readonly message: string;
  readonly hint: string;
  /** The file that is refused, where it is one alone. */
  readonly file?: string;
}

/** One error for all issues: with the code of the first kind there is, in the order usage, pre-flight, conflict. */
export function toError(issues: readonly [Issue, ...Issue[]]): OtaError {
  const [first] = issues;
  if (issues.length === 1) return new OtaError(first.code, first.message, { hint: first.hint });
  const codes = ['usage', 'preflight_refused', 'conflict'] as const;
  const code = codes.find((candidate) => issues.some((issue) => issue.code === candidate)) ?? first.code;
  const lines = issues.map(({ message, hint }) => `  - ${message}. ${hint}`);
  return new OtaError(code, [`${issues.length} problems, nothing was published:`, ...lines].join('\n'));
}

/** Throws them if there are any. */
export function throwIssues(issues: readonly Issue[]): void {
  const [first, ...others] = issues;
  if (first !== undefined) throw toError([first, ...others]);
}
