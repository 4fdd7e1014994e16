import type { CallOptions, Reply } from './target.ts';

/** Sends a request over the network. Redirects are not followed. */
export async function fetchRequest(
  method: string,
  url: string,
  { headers, body, chunked }: CallOptions,
): Promise<Reply> {
  const reply = await fetch(url, {
    method,
    redirect: 'manual',
    ...(headers && { headers }),
    ...(body !== undefined && { body: chunked ? new Blob([body]).stream() : body, duplex: 'half' }),
  });
  return {
    status: reply.status,
    headers: Object.fromEntries(reply.headers),
    body: Buffer.from(await reply.arrayBuffer()),
  };
}
