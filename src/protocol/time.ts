export type Clock = () => Date;

/** RFC 3339 in UTC to the second, as api.md shows it: `2026-03-13T12:00:00Z`; `unknown` for what is no time. */
export function formatTimestamp(milliseconds: number): string {
  const date = new Date(milliseconds);
  return isReadable(date) ? `${date.toISOString().slice(0, 19)}Z` : 'unknown';
}

/** RFC 3339, with seconds or without. */
export const TIMESTAMP_PATTERN =
  '^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,9})?)?(?:[Zz]|[+-]\\d{2}:\\d{2})$';

const TIMESTAMP = new RegExp(TIMESTAMP_PATTERN);

/** In milliseconds since 1970; undefined for what is no time. */
export function parseTimestamp(text: string): number | undefined {
  const time = TIMESTAMP.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Whether a date is one: SQLite keeps text in the place of a number, too. */
export function isReadable(date: Date): boolean {
  return !Number.isNaN(date.getTime());
}
