/**
 * What can go wrong, as a closed set. The CLI turns a code into an exit code (`cli/exit-codes.ts`);
 * no code in this project decides by an error's text.
 */
export type OtaErrorCode =
  /** An option, a setting or a file that cannot be used as given. */
  | 'usage'
  /** No token, an invalid one, or one without the required scope. */
  | 'unauthorized'
  /** Refused before the first write: signature, key, version, arch, pre-release. Also a 4xx without a code of its own. */
  | 'preflight_refused'
  /** The version, slug or artifact exists with other content. */
  | 'conflict'
  /** The server serves something other than what was published, or its signature does not verify. */
  | 'verification_failed'
  /** Network, timeout, 429 or 5xx, after the retries. Running the same command again may help. */
  | 'network'
  /** The response does not come from the API. */
  | 'not_the_api'
  /** The server's store cannot be opened. */
  | 'store_unavailable'
  /** A write's durability is unknown (a failed fsync): no later write may be acknowledged. */
  | 'durability_lost'
  /** The response to a commit was lost: it may have been applied, or not. */
  | 'outcome_unknown'
  /** The store is full. */
  | 'no_space'
  /** Stopped by a signal. */
  | 'interrupted';

export interface OtaErrorOptions {
  /** One imperative sentence: what the person can do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** The HTTP status, where a response was the reason. */
  readonly status?: number | undefined;
  /** Whether something in front of the server gave that response: its status says nothing of what was asked for. */
  readonly inFront?: boolean | undefined;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What the message announces: each becomes a line of its own below it. */
  readonly items?: readonly string[];
  /** The ids of the issues that it reports together (`issue.ts`). */
  readonly issueIds?: readonly string[];
}

/** The one error class of this project: an expected failure that a person or a script can act on. */
export class OtaError extends Error {
  override readonly name = 'OtaError';
  readonly code: OtaErrorCode;
  /** The message, as the lines to print. A line break in one of them is not ours. */
  readonly lines: readonly string[];
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly inFront: boolean;
  readonly retryAfterMs: number | undefined;
  readonly issueIds: readonly string[];

  constructor(code: OtaErrorCode, message: string, options: OtaErrorOptions = {}) {
    const lines = [message, ...(options.items ?? []).map((item) => `  - ${item}`)];
    super(lines.join('\n'), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.lines = lines;
    this.hint = options.hint;
    this.status = options.status;
    this.inFront = options.inFront ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.issueIds = options.issueIds ?? [];
  }

  /** Whether the same request is tried again, and the same command can simply be run again. */
  get retryable(): boolean {
    return this.code === 'network';
  }
}

/** Whether an error stands for the server's own response with one of these HTTP statuses. */
export function hasStatus(error: unknown, ...statuses: readonly number[]): error is OtaError {
  if (!(error instanceof OtaError) || error.inFront) return false;
  return error.status !== undefined && statuses.includes(error.status);
}
