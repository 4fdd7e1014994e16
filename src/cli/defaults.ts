/** Uploads at once. */
export const DEFAULT_CONCURRENCY = 4;

/** How long a token lives unless said otherwise. */
export const DEFAULT_TOKEN_DAYS = 90;

/** Seconds for which checks are answered with what was last known while a database that is elsewhere is away. */
export const DEFAULT_STALE_IF_ERROR = 300;
