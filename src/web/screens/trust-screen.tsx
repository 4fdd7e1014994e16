import { pageApi } from '../page-api.ts';
import { ScrolledTable } from '../parts/scrolled-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { day } from '../words.ts';
import { Unavailable } from './unavailable.tsx';

/** Which CI jobs publish without a stored token. */
export function TrustScreen({ appId }: { readonly appId: string }) {
  const { value: publishers, error } = useLoaded(() => pageApi.trust(appId), [appId]);
  if (publishers === undefined) return <Unavailable error={error} />;
  return (
    <>
      {publishers.length === 0 && <p>No CI job is trusted: publishing takes a token.</p>}
      {publishers.length > 0 && (
        <ScrolledTable
          label="Trusted publishers"
          columns={['Repository', 'Workflow', 'Limited to', 'Channels', 'Since']}
        >
          {publishers.map((each) => (
            <tr key={each.id}>
              <th scope="row">{each.repository}</th>
              <td>{each.workflow}</td>
              <td>{[each.environment, ...each.refs].filter(Boolean).join(', ') || 'any branch or tag'}</td>
              <td>{each.channels.join(', ') || 'all'}</td>
              <td>{day(each.created_at)}</td>
            </tr>
          ))}
        </ScrolledTable>
      )}
      <p class="soft">
        <code>synckit-ota apps trust</code> adds and removes publishers, on the machine of the server.
      </p>
    </>
  );
}
