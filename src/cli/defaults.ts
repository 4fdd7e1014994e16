/** Uploads at the same time. */
export const DEFAULT_CONCURRENCY = 4;

/** Days until a token expires. */
export const DEFAULT_TOKEN_DAYS = 90;

/** Seconds for which stale update checks are served while a PostgreSQL database is unavailable. */
export const DEFAULT_STALE_IF_ERROR = 300;

/** Largest file that can be uploaded to `serve`, in bytes. */
export const DEFAULT_MAX_ARTIFACT_BYTES = 2 * 1024 ** 3;
