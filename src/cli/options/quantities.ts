import type { OptionErrors } from './option-errors.ts';

const SECOND_MS = 1000;
export const DAY_MS = 24 * 60 * 60 * SECOND_MS;

/** In milliseconds. */
const DURATIONS = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 60 * 60 * SECOND_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
  y: 365 * DAY_MS,
} as const;

type DurationUnit = keyof typeof DURATIONS;

const MAX_TOKEN_MS = 3650 * DAY_MS;

export interface DurationOption {
  /** Its name, for messages. */
  readonly option: string;
  readonly text: string;
  /** Milliseconds. */
  readonly min: number;
  readonly max: number;
  /** The unit of a number without one; undefined: it needs one. 0 never does. */
  readonly bare?: DurationUnit;
  /** Ends the message: what else it can be. */
  readonly or?: string;
}

/** A duration like `90s`, `5m`, `12h`, `3d`, `2w` or `1y`. @returns milliseconds; undefined for what is none */
export function parseDuration(text: string, bare?: DurationUnit): number | undefined {
  const [, number = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]?)$/.exec(text.trim()) ?? [];
  if (number === '') return undefined;
  if (unit === '' && Number(number) === 0) return 0;
  const size = (DURATIONS as Readonly<Record<string, number>>)[unit || (bare ?? '')];
  return size === undefined ? undefined : Math.round(Number(number) * size);
}

/** `parseDuration` in a range. @returns milliseconds */
export function readDuration(
  { option, text, min, max, bare, or = '' }: DurationOption,
  errors: OptionErrors,
): number {
  const duration = parseDuration(text, bare);
  if (duration !== undefined && duration >= min && duration <= max) return duration;
  const range = min === 0 ? `up to ${inUnits(max)}` : `from ${inUnits(min)} to ${inUnits(max)}`;
  errors.add(`${option} ${text} must be a duration ${range}, like 90s, 5m, 12h or 3d${or}`);
  return min;
}

/** Reads `--expires`: `90d`, `12h`, `90` or `never`. @returns milliseconds, or null for never */
export function readExpiry(text: string, errors: OptionErrors): number | null {
  if (text === 'never') return null;
  const range = { min: DURATIONS.m, max: MAX_TOKEN_MS } as const;
  return readDuration({ option: '--expires', text, ...range, bare: 'd', or: ', or never' }, errors);
}

/** A number of bytes, plain or with a unit: `2GB`, `1.5 GiB`. */
export function readSize(option: string, text: string, errors: OptionErrors): number {
  const [, number = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([kmgt]i?b|b?)$/i.exec(text.trim()) ?? [];
  const base = /i/i.test(unit) ? 1024 : 1000;
  const power = Math.max(0, ' kmgt'.indexOf(unit.toLowerCase()[0] ?? ' '));
  const size = number === '' ? 0 : Math.round(Number(number) * base ** power);
  if (size >= 1 && Number.isSafeInteger(size)) return size;
  errors.add(`${option} ${text} is not a size: give it in bytes, or like 256MiB or 2GB`);
  return 0;
}

/** In the largest unit below a week that says it exactly: a year has no other length in days for everybody. */
function inUnits(milliseconds: number): string {
  const units = (['d', 'h', 'm', 's'] as const).filter((unit) => milliseconds % DURATIONS[unit] === 0);
  const [unit = 's'] = units;
  return `${milliseconds / DURATIONS[unit]}${unit}`;
}
