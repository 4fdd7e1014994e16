import type { Retry } from '../client/retry.ts';
import { openDownload } from '../client/transfer/download.ts';
import { displayUrl, type Transport } from '../client/transport/transport.ts';
import { OtaError } from '../errors.ts';

const MAX_BYTES = 4 * 1024 * 1024;

export interface ReadTextOptions {
  readonly transport: Transport;
  readonly retry: Retry;
  readonly signal: AbortSignal;
}

/** Reads a small text from a URL. @throws OtaError `usage` where there is none; `network`, `not_the_api` */
export async function readText(url: URL, { transport, retry, signal }: ReadTextOptions): Promise<string> {
  return retry.run(async () => {
    const opened = await openDownload(transport, { url, maxBytes: MAX_BYTES, signal });
    if (opened.kind === 'not_served') throw new OtaError('usage', `there is nothing at ${displayUrl(url)}`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of opened.chunks) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  });
}
