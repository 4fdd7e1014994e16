/** An error as `--json` prints it. */
export interface ErrorDocument {
  /** One of the codes of `OtaError`, or `bug`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Whether the same command can simply be run again. */
  readonly retryable: boolean;
}
