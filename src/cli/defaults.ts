/** Uploads at the same time. */
export const DEFAULT_CONCURRENCY = 4;

/** Days until the manifest of a release expires. */
export const DEFAULT_MANIFEST_DAYS = 365;

/** Days until a token expires. */
export const DEFAULT_TOKEN_DAYS = 90;

/** Seconds for which stale update checks are served while a PostgreSQL database is unavailable. */
export const DEFAULT_STALE_IF_ERROR = 300;

/** Largest file that can be uploaded to `serve`, in bytes. */
export const DEFAULT_MAX_ARTIFACT_BYTES = 2 * 1024 ** 3;

/** The data folder of `serve`, and of the commands that manage its store. */
export const DEFAULT_DATA_DIR = './synckit-ota-data';

/** How many small files `copy` copies at once: most of the time it waits for the store. */
export const DEFAULT_COPY_CONCURRENCY = 16;

/** Connections to PostgreSQL that `serve` uses for queries. */
export const DEFAULT_DATABASE_CONNECTIONS = 10;

/** Where `serve` listens. */
export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = '4680';
