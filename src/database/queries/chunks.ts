/** Values for one statement: PostgreSQL takes 65,535 parameters, SQLite half of that, and a row has some 25. */
const CHUNK_SIZE = 500;

/** Cuts a list into pieces that fit one statement each. */
export function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let first = 0; first < all.length; first += CHUNK_SIZE) yield all.slice(first, first + CHUNK_SIZE);
}
