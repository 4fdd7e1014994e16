import type { ReleaseResponse } from '../../protocol/messages.ts';
import { ScrolledTable } from '../parts/scrolled-table.tsx';
import { linkTo } from '../route.ts';
import { day, rolloutInWords, stateOf } from '../words.ts';

export interface ReleasesScreenProps {
  readonly appId: string;
  readonly releases: readonly ReleaseResponse[];
}

/** The releases, the highest version first. */
export function ReleasesScreen({ appId, releases }: ReleasesScreenProps) {
  if (releases.length === 0) return <p class="soft">Nothing has been published yet.</p>;
  return (
    <ScrolledTable
      label="Releases"
      columns={['Version', 'State', 'Offered to', 'Channel', 'Files', 'Published']}
    >
      {releases.map((release) => (
        <tr key={release.id}>
          <th scope="row">
            <a href={linkTo(appId, 'releases', release.id)}>{release.version}</a>
          </th>
          <td>
            <StateBadge release={release} />
          </td>
          <td>{stateOf(release) === 'rolling out' ? rolloutInWords(release) : offeredTo(release)}</td>
          <td>{release.channel}</td>
          <td class="number">{release.artifacts?.length ?? 0}</td>
          <td>{release.status === 'draft' ? '' : day(release.pub_date)}</td>
        </tr>
      ))}
    </ScrolledTable>
  );
}

/** The state in a word, which has a colour too. */
export function StateBadge({ release }: { readonly release: ReleaseResponse }) {
  const state = stateOf(release);
  return <span class={`badge ${state.replace(' ', '-')}`}>{state}</span>;
}

function offeredTo(release: ReleaseResponse): string {
  return stateOf(release) === 'live' ? 'everyone' : 'no one';
}
