import type { ReleaseResponse } from '../../protocol/messages.ts';
import { channelsOf, offeredVersions } from '../offered-versions.ts';
import { ScrolledTable } from '../parts/scrolled-table.tsx';

/** What each channel offers, platform by platform. */
export function ChannelsScreen({ releases }: { readonly releases: readonly ReleaseResponse[] }) {
  return (
    <>
      {channelsOf(releases).map((channel) => (
        <section key={channel}>
          <h2>{channel}</h2>
          <Offers offers={[...offeredVersions(releases, channel)]} channel={channel} />
        </section>
      ))}
      <p class="soft">
        What new installations get. Keys and required versions can lead older versions another way: see{' '}
        <code>synckit-ota check</code>.
      </p>
    </>
  );
}

interface OffersProps {
  readonly channel: string;
  readonly offers: readonly (readonly [platform: string, offered: string])[];
}

/** One channel. */
function Offers({ offers, channel }: OffersProps) {
  if (offers.length === 0) return <p class="soft">Nothing is offered yet.</p>;
  return (
    <ScrolledTable label={`Offers of ${channel}`} columns={['Platform', 'Offered']}>
      {offers.map(([platform, offered]) => (
        <tr key={platform}>
          <th scope="row">{platform}</th>
          <td>{offered}</td>
        </tr>
      ))}
    </ScrolledTable>
  );
}
