import type { OptionErrors } from './option-errors.ts';

const MAX_TOKEN_DAYS = 3650;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Reads `--expires`: `90`, `90d` or `never`. @returns days, or null for never */
export function readExpiry(text: string, errors: OptionErrors): number | null {
  if (text === 'never') return null;
  const days = Number(/^(\d{1,4})d?$/.exec(text)?.[1] ?? 0);
  if (days >= 1 && days <= MAX_TOKEN_DAYS) return days;
  errors.add(`--expires ${text} must be a number of days from 1 to ${MAX_TOKEN_DAYS}, or never`);
  return null;
}

export function expiryAfterDays(days: number, now: Date): Date {
  return new Date(now.getTime() + days * DAY_MS);
}
