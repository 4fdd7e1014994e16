/** Uploads at once. */
export const DEFAULT_CONCURRENCY = 4;

/** How long a token lives unless said otherwise. */
export const DEFAULT_TOKEN_DAYS = 90;
