import type { Retry } from '../client/retry.ts';
import { openDownload } from '../client/transfer/download.ts';
import { displayUrl, type Transport } from '../client/transport/transport.ts';
import { OtaError } from '../errors.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const HINT = 'Check the URL: a latest.json has to be there, and anyone able to read it.';

export interface ReadTextOptions {
  readonly transport: Transport;
  readonly retry: Retry;
  readonly signal: AbortSignal;
}

/**
 * Reads a small text from a URL.
 * @param hint for a person who named another URL than that of a text
 * @throws OtaError `usage` where there is none; `network`, `not_the_api`
 */
export async function readText(
  url: URL,
  { transport, retry, signal }: ReadTextOptions,
  hint = HINT,
): Promise<string> {
  return retry.run(async () => {
    try {
      const opened = await openDownload(transport, { url, maxBytes: MAX_BYTES, signal });
      if (opened.kind === 'not_served') throw nothingAt(url, hint);
      const chunks: Uint8Array[] = [];
      for await (const chunk of opened.chunks) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    } catch (error) {
      throw asOfAnySite(error, { url, hint });
    }
  });
}

function nothingAt(url: URL, hint: string, cause?: unknown): OtaError {
  return new OtaError('usage', `there is nothing at ${displayUrl(url)}`, { hint, cause });
}

/** The URL is of any site: what is usual there says nothing about a server of the API, or what stands in front of it. */
function asOfAnySite(error: unknown, { url, hint }: { readonly url: URL; readonly hint: string }): unknown {
  if (!(error instanceof OtaError) || error.code !== 'not_the_api') return error;
  const { message, status, cause } = error;
  if (status === 404 || status === 410) return nothingAt(url, hint, cause);
  return new OtaError('not_the_api', message, { hint, cause, status });
}
