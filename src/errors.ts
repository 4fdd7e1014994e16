/**
 * What can go wrong, as a closed set. The CLI turns a code into an exit code (`cli/exit-codes.ts`);
 * nothing in this project ever decides on an error's text.
 */
export type OtaErrorCode =
  /** The person asked for something that cannot be: a flag, a setting, a file that is not there. */
  | 'usage'
  /** No token, a bad one, or one without the right. */
  | 'unauthorized'
  /** Refused before the first write: signature, key, version, arch, pre-release. */
  | 'preflight_refused'
  /** The version, slug or artifact exists with other content. */
  | 'conflict'
  /** What the server serves is not what was published, or does not verify. */
  | 'verification_failed'
  /** Network, timeout, 429 or 5xx after the retries. The same command can be run again. */
  | 'network'
  /** The other side answered something that is not the API. */
  | 'not_the_api'
  /** The server's store cannot be opened. */
  | 'store_unavailable'
  /** A write's durability is unknown (a failed fsync): nothing may be acknowledged from here on. */
  | 'durability_lost'
  /** A commit's answer was lost: it may have been applied, or not. */
  | 'outcome_unknown'
  /** The store has no room for what was sent. */
  | 'no_space'
  /** Stopped by a signal. */
  | 'interrupted';

export interface OtaErrorOptions {
  /** One imperative sentence: what the person can do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** How long the other side asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The ids of the issues that it reports together (`issue.ts`). */
  readonly issueIds?: readonly string[];
}

/** The one error class of this project: an expected failure that a person or a script can act on. */
export class OtaError extends Error {
  override readonly name = 'OtaError';
  readonly code: OtaErrorCode;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly issueIds: readonly string[];

  constructor(code: OtaErrorCode, message: string, options: OtaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs;
    this.issueIds = options.issueIds ?? [];
  }

  /** Whether the same command can simply be run again. */
  get retryable(): boolean {
    return this.code === 'network';
  }
}
