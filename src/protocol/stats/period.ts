/** A time in which each client counts once. */
export const PERIOD_KINDS = ['day', 'week', 'month'] as const;
export type PeriodKind = (typeof PERIOD_KINDS)[number];

export interface Period {
  readonly kind: PeriodKind;
  /** `2026-11-30`; of a week its Monday `2026-11-30/P7D`; of a month `2026-11`. Sorts by time within a kind. All in UTC. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly end: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Those that a time is in. @param now milliseconds since 1970 */
export function periodsAt(now: number): readonly Period[] {
  const date = new Date(now);
  const midnight = now - (now % DAY_MS);
  const monday = midnight - ((date.getUTCDay() + 6) % 7) * DAY_MS;
  return [
    { kind: 'day', name: isoDay(now), end: midnight + DAY_MS },
    { kind: 'week', name: `${isoDay(monday)}/P7D`, end: monday + 7 * DAY_MS },
    {
      kind: 'month',
      name: isoDay(now).slice(0, 7),
      end: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1),
    },
  ];
}

export function kindOfPeriod(name: string): PeriodKind {
  if (name.endsWith('/P7D')) return 'week';
  return name.length === 7 ? 'month' : 'day';
}

/** `2026-11-30`. @param now milliseconds since 1970 */
export function isoDay(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}
