import type { SimulateRequest } from '../../protocol/messages.ts';
import { pageApi } from '../page-api.ts';
import { simulatedChanges } from '../simulated-changes.ts';
import { useLoaded } from './use-loaded.ts';

export interface OfferChangesProps {
  readonly appId: string;
  readonly change: SimulateRequest;
}

/** What apps are offered after a change instead of what they are offered now, as the server answers. */
export function OfferChanges({ appId, change }: OfferChangesProps) {
  const { value, error } = useLoaded(() => pageApi.simulate(appId, change), [appId, JSON.stringify(change)]);
  if (error !== undefined) return <p class="warning">It is not known what apps would be offered: {error}</p>;
  if (value === undefined) return <p class="soft">Asking what apps would be offered…</p>;
  const changes = simulatedChanges(value);
  if (changes.length === 0) return <p>No app is offered anything else than now.</p>;
  return (
    <>
      <p>Apps with these versions are offered:</p>
      <ul class="changes" aria-label="What changes">
        {changes.map(({ channel, versions, platforms, before, after }) => (
          <li key={`${channel} ${versions[0]} ${platforms[0]}`}>
            <span>
              {versions.join(', ')} in {channel}: <strong>{after}</strong> instead of {before}
            </span>
            <span class="details">{platforms.join(', ')}</span>
          </li>
        ))}
      </ul>
      {value.omitted > 0 && <p class="soft">{value.omitted} versions are left out: there are too many.</p>}
    </>
  );
}
