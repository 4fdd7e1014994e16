import { STABLE } from '../../protocol/channel.ts';
import type { OfferedShare, SimulatedCell, SimulateResponse } from '../../protocol/messages.ts';
import { formatCount, indent } from '../format.ts';
import { formatTable, type TableOptions } from './table.ts';
import { wrapWords } from './words.ts';

export interface SimulationTable extends TableOptions {
  /** Also what stays as it is. */
  readonly showsAll: boolean;
  /** Like `Once 1.3.0 is live`. */
  readonly when: string;
}

/** Rows that are shown at most. */
const MAX_ROWS = 40;

/** Who would be offered what, and is today, for people. */
export function describeSimulation(
  { cells, changed, omitted, source }: SimulateResponse,
  { showsAll, when, style, width = Number.POSITIVE_INFINITY }: SimulationTable,
): string[] {
  const shown = showsAll ? cells : cells.filter((cell) => cell.changed);
  const rows = shown.slice(0, MAX_ROWS).map((cell) => rowOf(cell, source === 'counts'));
  const header = ['app has', 'platform', ...(source === 'counts' ? ['apps'] : []), 'today', 'then'];
  const table = formatTable(rows, { header, width: width - 2, ...(style && { style }) });
  const title = `${when}, apps would be offered:`;
  const rest = shown.length - rows.length;
  const notes = [
    ...(rest > 0 ? [`… and ${formatCount(rest, 'more row')} (--json has all).`] : []),
    ...(changed === 0 ? ['Nothing changes for any app.'] : []),
    ...(changed > 0 && cells.length > shown.length
      ? [`${formatCount(cells.length - shown.length, 'other answer')} unchanged (--all, or --json).`]
      : []),
    ...silentNote(shown),
    ...(omitted > 0 ? [`${formatCount(omitted, 'version')} left out: there are too many.`] : []),
  ];
  return [
    ...(rows.length > 0 ? [style?.('bold', title) ?? title, ...indent(table)] : []),
    ...notes.flatMap((note) => wrapWords(note, width)),
  ];
}

function rowOf({ version, platform, channel, clients, today, after }: SimulatedCell, isCounted: boolean) {
  return [
    channel === STABLE ? version : `${version} (${channel})`,
    platform,
    ...(isCounted ? [clients === null ? '-' : String(clients)] : []),
    inWords(today.shares),
    inWords(after.shares),
  ];
}

/** `1.3.0 (10%), 1.2.0 (90%)` */
function inWords(shares: readonly OfferedShare[]): string {
  const texts = shares.map(({ version, share, mandatory }) => {
    const name = version === null ? '-' : `${version}${mandatory ? '!' : ''}`;
    return shares.length === 1 ? name : `${name} (${share}%)`;
  });
  return texts.join(', ');
}

function silentNote(cells: readonly SimulatedCell[]): string[] {
  const waits = cells.some(({ after }) => after.shares.length > 1 && after.without_cohort !== undefined);
  const isMandatory = cells.some(({ today, after }) =>
    [...today.shares, ...after.shares].some((one) => one.mandatory),
  );
  return [
    ...(isMandatory ? ['! marks a mandatory update.'] : []),
    ...(waits ? ['Apps that do not say their cohort get what those get that are not in the rollout.'] : []),
  ];
}
