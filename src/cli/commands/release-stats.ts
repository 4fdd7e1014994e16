import { OtaError } from '../../errors.ts';
import type { DayStats, PeriodStats, ReleaseStats, StatsResponse } from '../../protocol/messages.ts';
import { readExtensions, supports } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { indent } from '../format.ts';
import { formatTable, type TableOptions } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';
import { connectForApp } from '../wiring/connect.ts';
import { withRemote } from './releases.ts';
import type { ReleasesStatsOptions } from './releases-command.ts';

const MAX_DAYS = 400;
/** Versions that the line of a day names: it has to fit a terminal. */
const NAMED_VERSIONS = 3;

/** Extension `stats`. */
export async function runReleasesStats(
  options: ReleasesStatsOptions,
  context: Context,
  version: string | undefined,
): Promise<void> {
  const errors = new OptionErrors();
  const range = { min: 1, max: MAX_DAYS };
  const days = readInteger({ option: '--days', text: options.days, ...range }, errors);
  errors.throwIfAny();
  await withRemote(connectForApp(options, context), async ({ client, retry, appId }) => {
    const extensions = await readExtensions({ client, retry });
    if (!supports({ extensions }, 'stats')) {
      throw new OtaError('preflight_refused', 'this server does not count installed apps', {
        hint: 'Use a server with the extension stats.',
      });
    }
    const query = { days: String(days), ...(version !== undefined && { version }) };
    const stats = await retry.run(() => client.stats(appId, query));
    context.output.document(stats);
    const { columns: width, style } = context.output;
    context.output.result(describe(stats, version, { style, width: width - 2 }));
  });
}

function describe(
  { hidden_below, days, weeks, months, releases }: StatsResponse,
  version: string | undefined,
  options: TableOptions,
): string[] {
  const hidden = `Counts of fewer than ${hidden_below} are not shown.`;
  if (days.length + weeks.length + months.length + releases.length === 0)
    return [
      `No ${version === undefined ? 'update checks were' : `update to ${version} was`} counted yet.`,
      hidden,
    ];
  return [
    ...section('Installed apps by day', days.map(dayRow), { ...options, header: DAY_HEADER }),
    ...section('By week and month', [...weeks.slice(0, 2), ...months.slice(0, 2)].map(periodRow), options),
    ...section('Updates', releases.flatMap(reachRows), { ...options, header: REACH_HEADER }),
    ...section('Trouble', releases.flatMap(troubleRows), options),
    hidden,
  ];
}

function section(title: string, rows: readonly (readonly string[])[], options: TableOptions): string[] {
  return rows.length === 0 ? [] : [title, ...indent(formatTable(rows, options)), ''];
}

const DAY_HEADER = ['day', 'apps', 'versions'];

function dayRow(day: DayStats): string[] {
  const totals = new Map<string, number>();
  for (const { version, clients } of day.versions) totals.set(version, (totals.get(version) ?? 0) + clients);
  const largest = [...totals].sort((a, b) => b[1] - a[1]).slice(0, NAMED_VERSIONS);
  return [
    day.period,
    clientsOf(day),
    largest.map(([version, clients]) => `${version}: ${clients}`).join(', '),
  ];
}

function periodRow(period: PeriodStats): string[] {
  const name = period.period.replace('/P7D', ' (7 days)');
  return [
    name,
    clientsOf(period),
    period.platforms.map(({ platform, clients }) => `${platform}: ${clients}`).join(', '),
  ];
}

function clientsOf({ clients, at_most: atMost }: PeriodStats): string {
  return atMost === undefined ? String(clients) : `${clients} to ${atMost}`;
}

const REACH_HEADER = ['version', 'offered', 'downloaded', 'running it', ''];

function reachRows({ version, platforms, ...all }: ReleaseStats): string[][] {
  const stuck = platforms.filter((one) => one.stuck !== undefined);
  const name = (text: string) => `  ${text}`;
  return [
    [version, ...reach(all), ''],
    ...stuck.map((one) => [name(one.platform), ...reach(one), `stuck: hardly any ${one.stuck}s`]),
  ];
}

/** Extension `events`. */
function troubleRows({ version, pause_reason, looping, reports = [] }: ReleaseStats): string[][] {
  const said = reports.map(({ outcome, code, clients }) => {
    const what = code === undefined ? outcome : `${outcome} (${code})`;
    return `${clients} reported: ${what}`;
  });
  return [
    ...(pause_reason ? [`paused: ${pause_reason.text}`] : []),
    ...(looping == null ? [] : [`${looping} downloaded it again and again`]),
    ...said,
  ].map((text) => [version, text]);
}

function reach({
  offered,
  downloaded,
  converted,
}: Pick<ReleaseStats, 'offered' | 'downloaded' | 'converted'>): string[] {
  return [offered, downloaded, converted].map((clients) => (clients === null ? '-' : String(clients)));
}
