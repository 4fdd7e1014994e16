import { stripVTControlCharacters } from 'node:util';
import prettyBytes from 'pretty-bytes';
import type { RetryNotice } from '../client/retry.ts';

/** `0.3 s`, `42.0 s`, `1:05`. */
export function formatElapsed(milliseconds: number): string {
  return milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : formatDuration(milliseconds);
}

export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { maximumFractionDigits: 1 });
}

export function formatSpeed(bytes: number, milliseconds: number): string {
  return `${formatBytes(Math.round((bytes * 1000) / Math.max(1, milliseconds)))}/s`;
}

/** `0:04`, `12:30`, `1:02:03`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const tail = `${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** The line for a request that is tried again. */
export function formatRetry({ error, waitMs }: RetryNotice): string {
  return `${error.message}; retrying in ${formatElapsed(waitMs)}`;
}

/** `1 file`, `2 files`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Rows as aligned columns, two spaces apart. Cells may be coloured. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column]))));
  const pad = (cell: string, column: number) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell));
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

function widthOf(cell = ''): number {
  return stripVTControlCharacters(cell).length;
}
