/** To the thread that writes; answered in this order. */
export type WriterCommand =
  | { readonly kind: 'run'; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly kind: 'close' };

export interface WriterResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Undefined for statements that return rows. */
  readonly changes?: number;
  readonly lastInsertRowid?: number | bigint;
}

/** Its answer; the first one says that it is ready. */
export type WriterReply =
  | ({ readonly kind: 'done' } & WriterResult)
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined };
