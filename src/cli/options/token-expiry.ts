import type { OptionErrors } from './option-errors.ts';

const MAX_TOKEN_DAYS = 3650;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Reads `--expires`: `90`, `90d` or `never` (null). @returns days */
export function readExpiry(text: string, problems: OptionErrors): number | null {
  if (text === 'never') return null;
  const days = /^(\d{1,4})d?$/.exec(text)?.[1];
  if (days === undefined || Number(days) < 1 || Number(days) > MAX_TOKEN_DAYS) {
    problems.add(`--expires ${text} must be a number of days from 1 to ${MAX_TOKEN_DAYS}, or never`);
    return null;
  }
  return Number(days);
}

export function expiryAfterDays(days: number, now: Date): Date {
  return new Date(now.getTime() + days * DAY_MS);
}
