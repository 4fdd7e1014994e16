import { pageApi } from '../page-api.ts';
import { ScrolledTable } from '../parts/scrolled-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { moment } from '../words.ts';
import { Unavailable } from './unavailable.tsx';

/** Who did what, the last first. */
export function AuditScreen({ appId }: { readonly appId: string }) {
  const { value: entries, error } = useLoaded(() => pageApi.audit(appId), [appId]);
  if (entries === undefined) return <Unavailable error={error} />;
  return (
    <ScrolledTable label="Audit log" columns={['When', 'What', 'Who', 'From', 'Details']}>
      {entries.map((entry) => (
        <tr key={entry.seq}>
          <td class="number">{moment(entry.at)}</td>
          <th scope="row">
            {entry.action}
            {entry.outcome === 'refused' && <span class="badge paused">refused</span>}
          </th>
          <td>{entry.actor}</td>
          <td>{entry.address}</td>
          <td>
            <Details text={entry.details} />
          </td>
        </tr>
      ))}
    </ScrolledTable>
  );
}

/** Long: the whole is shown when it is asked for. */
function Details({ text }: { readonly text: string }) {
  const words = Object.entries<unknown>(JSON.parse(text))
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([, value]) => String(value));
  if (text === '{}') return null;
  return (
    <details class="details">
      <summary>{words.slice(0, 1).join('') || 'more'}</summary>
      <code>{text}</code>
    </details>
  );
}
