import type { RetryNotice } from '../client/retry.ts';
import { formatBytes } from '../protocol/upload/size-in-words.ts';

/** How much of release notes is shown, in characters: all that our server takes. */
const MAX_NOTES = 64 * 1024;

/** `0.3 s`, `42.0 s`, `1:05`. */
export function formatElapsed(milliseconds: number): string {
  return milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : formatDuration(milliseconds);
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
export function formatRetry({ error, waitMs, leftMs }: RetryNotice): string {
  const until = leftMs === undefined ? '' : `, and for up to ${formatDuration(leftMs)}`;
  return `${error.message}; retrying in ${formatElapsed(waitMs)}${until}`;
}

/** `1 file`, `2 files`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Release notes, which anyone may have written: indented, so that none of their lines can pass for one of ours. */
export function formatNotes(notes: string): string[] {
  if (notes === '') return [];
  const lines = notes.slice(0, MAX_NOTES).split(/\r\n?|\n/);
  const rest = notes.length > MAX_NOTES ? ['…'] : [];
  return indent([...lines, ...rest]).map((line) => line.trimEnd());
}

export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
