export type Clock = () => Date;

/** RFC 3339 in UTC to the second, as api.md shows it: `2026-03-13T12:00:00Z`. */
export function formatTimestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
