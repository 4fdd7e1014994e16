import type { DayStats } from '../protocol/messages.ts';

/** Versions that have a line of their own. */
const MAX_VERSIONS = 4;

export interface CountedVersion {
  readonly version: string;
  /** Of each day, the earliest first; null where it is not shown. */
  readonly counts: readonly (number | null)[];
  /** On the latest day. */
  readonly latest: number;
}

export interface CountedDays {
  /** Milliseconds since 1970, the earliest first. */
  readonly times: readonly number[];
  /** All apps of each day. */
  readonly totals: readonly number[];
  /** Those that most apps have on the latest day, over all platforms. */
  readonly versions: readonly CountedVersion[];
}

/** What was counted by day, as a chart shows it. @param days the latest first, as the server lists them */
export function versionsByDay(days: readonly DayStats[]): CountedDays {
  const inOrder = days.toReversed();
  const counts = inOrder.map(({ versions }) => {
    const byVersion = new Map<string, number>();
    for (const { version, clients } of versions)
      byVersion.set(version, (byVersion.get(version) ?? 0) + clients);
    return byVersion;
  });
  const latest = [...(counts.at(-1) ?? [])].toSorted(([, a], [, b]) => b - a).slice(0, MAX_VERSIONS);
  return {
    times: inOrder.map(({ period }) => Date.parse(period)),
    totals: inOrder.map(({ clients }) => clients),
    versions: latest.map(([version, count]) => ({
      version,
      counts: counts.map((byVersion) => byVersion.get(version) ?? null),
      latest: count,
    })),
  };
}
