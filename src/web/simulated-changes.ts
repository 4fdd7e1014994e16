import type { OfferedShare, SimulateResponse } from '../protocol/messages.ts';

/** Apps that are offered something else after a change, and alike. */
export interface OfferChange {
  readonly channel: string;
  /** That the apps have, in the order of the answer. */
  readonly versions: readonly string[];
  readonly platforms: readonly string[];
  /** In words: `1.3.0 (25 %), 1.2.0 (75 %)`. */
  readonly before: string;
  readonly after: string;
}

/** What changes, as the server has simulated it: one entry for all apps that are treated alike. */
export function simulatedChanges({ cells }: SimulateResponse): readonly OfferChange[] {
  const changed = cells.filter((cell) => cell.changed);
  const byVersion = joined(
    changed.map(({ channel, version, platform, today, after }) => ({
      ...{ channel, versions: [version], platforms: [platform] },
      ...{ before: inWords(today.shares), after: inWords(after.shares) },
    })),
    'platforms',
  );
  return joined(byVersion, 'versions');
}

/** Joins changes that differ in nothing but a list. */
function joined(changes: readonly OfferChange[], list: 'versions' | 'platforms'): OfferChange[] {
  const alike = new Map<string, OfferChange>();
  for (const change of changes) {
    const key = JSON.stringify({ ...change, [list]: null });
    const other = alike.get(key);
    alike.set(key, other === undefined ? change : { ...other, [list]: [...other[list], ...change[list]] });
  }
  return [...alike.values()];
}

function inWords(shares: readonly OfferedShare[]): string {
  const texts = shares.map(({ version, share, mandatory }) => {
    const about = [...(mandatory ? ['mandatory'] : []), ...(shares.length > 1 ? [`${share} %`] : [])];
    return `${version ?? 'nothing'}${about.length > 0 ? ` (${about.join(', ')})` : ''}`;
  });
  return texts.join(', ');
}
