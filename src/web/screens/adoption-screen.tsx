import type { ReleaseResponse, ReleaseStats, StatsResponse } from '../../protocol/messages.ts';
import { versionsByDay } from '../counted-versions.ts';
import { pageApi } from '../page-api.ts';
import { LINE_COLORS, LineChart } from '../parts/line-chart.tsx';
import { ScrolledTable } from '../parts/scrolled-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { ReleasesScreen } from './releases-screen.tsx';
import { Unavailable } from './unavailable.tsx';

export interface AdoptionScreenProps {
  readonly appId: string;
  readonly releases: readonly ReleaseResponse[];
}

/** Which versions are in the field, where the server counts them. */
export function AdoptionScreen({ appId, releases }: AdoptionScreenProps) {
  const { value, error } = useLoaded(async () => {
    const isCounted = (await pageApi.extensions()).includes('stats');
    return { stats: isCounted ? await pageApi.stats(appId) : undefined };
  }, [appId]);
  if (value === undefined) return <Unavailable error={error} />;
  const { stats } = value;
  if (stats !== undefined && stats.days.length > 0) return <Counted stats={stats} />;
  const why =
    stats === undefined
      ? 'This server does not count which versions are in use.'
      : `Fewer than ${stats.hidden_below} apps have asked on a day so far: that is not shown.`;
  return (
    <>
      <p class="notice">{why} These are the releases.</p>
      <ReleasesScreen appId={appId} releases={releases} />
    </>
  );
}

/** The counts: apps by day and version, and how far each release came. */
function Counted({ stats }: { readonly stats: StatsResponse }) {
  const { times, totals, versions } = versionsByDay(stats.days);
  const [latest] = stats.days;
  const all = latest?.clients ?? 0;
  return (
    <>
      <p class="row totals">
        <span>
          <strong>{all.toLocaleString()}</strong> apps on {latest?.period}
        </span>
        {stats.weeks[0] && (
          <span>
            <strong>{stats.weeks[0].clients.toLocaleString()}</strong> in the week
          </span>
        )}
        {stats.months[0] && (
          <span>
            <strong>{stats.months[0].clients.toLocaleString()}</strong> in the month
          </span>
        )}
      </p>
      <LineChart
        label="Apps by day: all of them, and those on each version"
        times={times}
        lines={[totals, ...versions.map(({ counts }) => counts)]}
      />
      <ScrolledTable label="Versions in use" columns={['Version', `Apps on ${latest?.period}`, 'Share']}>
        {versions.map(({ version, latest: count }, i) => (
          <tr key={version}>
            <th scope="row">
              <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
                <circle cx="5" cy="5" r="5" fill={`var(${LINE_COLORS[(i + 1) % LINE_COLORS.length]})`} />
              </svg>
              {version}
            </th>
            <td class="number">{count.toLocaleString()}</td>
            <td class="number">{all === 0 ? '' : `${Math.round((100 * count) / all)} %`}</td>
          </tr>
        ))}
      </ScrolledTable>
      <h2>How far each release came</h2>
      <Reach releases={stats.releases} hiddenBelow={stats.hidden_below} />
    </>
  );
}

interface ReachProps {
  readonly releases: readonly ReleaseStats[];
  readonly hiddenBelow: number;
}

/** Of each release who was offered it, downloaded it, and runs it. */
function Reach({ releases, hiddenBelow }: ReachProps) {
  const count = (value: number | null) => (value === null ? `under ${hiddenBelow}` : value.toLocaleString());
  return (
    <ScrolledTable label="Releases" columns={['Release', 'Offered', 'Downloaded', 'Running', 'Stuck']}>
      {releases.map(({ version, offered, downloaded, converted, platforms }) => (
        <tr key={version}>
          <th scope="row">{version}</th>
          <td class="number">{count(offered)}</td>
          <td class="number">{count(downloaded)}</td>
          <td class="number">{count(converted)}</td>
          <td>{stuckIn(platforms)}</td>
        </tr>
      ))}
    </ScrolledTable>
  );
}

function stuckIn(platforms: ReleaseStats['platforms']): string {
  return platforms.flatMap(({ platform, stuck }) => (stuck ? [`${platform}: ${stuck}`] : [])).join(', ');
}
