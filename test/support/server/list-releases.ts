import type { ReleaseResponse } from '../../../src/protocol/messages.ts';

/** The releases of an app on our server, without our client code. */
export async function listReleases(
  server: string,
  { id, token }: { readonly id: string; readonly token: string },
): Promise<ReleaseResponse[]> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${server}/api/sync/ota/apps/${id}/releases`, { headers });
  return (await response.json()) as ReleaseResponse[];
}
