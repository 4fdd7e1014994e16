import { isReadable } from '../../protocol/time.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { parseDuration } from '../options/quantities.ts';

/** Reads `--since`: `2026-11-29`, `2026-11-29T12:00:00Z`, `24h`, `7d`. @returns the time, for a given present one */
export function readSince(text: string | undefined, errors: OptionErrors): ((now: Date) => Date) | undefined {
  if (text === undefined) return undefined;
  const ago = parseDuration(text);
  if (ago !== undefined) return (now) => new Date(now.getTime() - ago);
  const date = new Date(
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text.trim()) ? text.trim() : Number.NaN,
  );
  if (isReadable(date)) return () => date;
  errors.add(`--since ${text} is not a time: give it like 2026-11-29, 2026-11-29T12:00:00Z, 24h or 7d`);
  return undefined;
}
