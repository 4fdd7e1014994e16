export type HashAlgorithm = 'sha1' | 'sha256' | 'sha512' | 'blake2b512';

/** To a thread; the jobs are numbered by who starts them. */
export type HashCommand =
  | {
      readonly kind: 'start';
      readonly job: number;
      /** Of the open file; it is closed by who opened it, once the job has ended. */
      readonly descriptor: number;
      readonly algorithm: HashAlgorithm;
    }
  /** Bytes up to `limit` can be read by now; no more will follow if `isLast`. */
  | { readonly kind: 'read'; readonly job: number; readonly limit: number; readonly isLast: boolean }
  | { readonly kind: 'cancel'; readonly job: number };

/** The end of a job: nothing reads its file any more. */
export type HashReply =
  | { readonly kind: 'cancelled'; readonly job: number }
  | { readonly kind: 'hashed'; readonly job: number; readonly size: number; readonly digest: Uint8Array }
  | { readonly kind: 'failed'; readonly job: number; readonly message: string; readonly code?: string };
