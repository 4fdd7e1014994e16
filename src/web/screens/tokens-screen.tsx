import { useState } from 'preact/hooks';
import { pageApi, type TokenRow } from '../page-api.ts';
import { Confirmation } from '../parts/confirmation.tsx';
import { ScrolledTable } from '../parts/scrolled-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { day, moment } from '../words.ts';
import { Unavailable } from './unavailable.tsx';

/** The tokens of an app, each with what it may do, and when it was used last. */
export function TokensScreen({ appId }: { readonly appId: string }) {
  const { value: tokens, error, reload } = useLoaded(() => pageApi.tokens(appId), [appId]);
  const [asked, setAsked] = useState<TokenRow>();
  if (tokens === undefined) return <Unavailable error={error} />;
  const valid = tokens.filter(({ is_of_job: isOfJob }) => !isOfJob);
  return (
    <>
      <ScrolledTable
        label="Tokens"
        columns={[
          'Name',
          'May',
          'Last used',
          'Expires',
          <span key="actions" class="hidden">
            Actions
          </span>,
        ]}
      >
        {valid.map((token) => (
          <tr key={token.id}>
            <th scope="row">{token.name}</th>
            <td>{token.scopes.join(', ') || 'nothing'}</td>
            <td>{moment(token.last_used_at) || 'never'}</td>
            <td>{day(token.expires_at) || 'never'}</td>
            <td>
              {token.revoked_at ? (
                <span class="badge yanked">revoked</span>
              ) : (
                <button
                  type="button"
                  class="harmful"
                  aria-label={`Revoke ${token.name}…`}
                  onClick={() => setAsked(token)}
                >
                  Revoke…
                </button>
              )}
            </td>
          </tr>
        ))}
      </ScrolledTable>
      <p class="soft">
        <code>synckit-ota tokens create</code> makes a token, on the machine of the server.
      </p>
      {asked && (
        <Confirmation
          title={`Revoke ${asked.name}?`}
          action="Revoke"
          isHarmful
          onConfirm={async () => {
            await pageApi.revoke(appId, asked.id);
            await reload();
          }}
          onClose={() => setAsked(undefined)}
        >
          <p>
            No request with it is accepted any more. Uploads that it began are dropped, and drafts do not go
            live by themselves with what it made. Who is signed in with it is signed out. This cannot be
            undone.
          </p>
        </Confirmation>
      )}
    </>
  );
}
