import { OtaError } from '../errors.ts';
import { messageOf } from '../runtime/error-details.ts';
import { parseBoundedJson } from '../runtime/text/bounded-json.ts';

/** Of a response; GitHub's and GitLab's have a few KB. */
const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 5000;

/**
 * Fetches a JSON document that an issuer publishes. Redirects are not followed.
 * @throws OtaError `network`
 */
export async function fetchDocument(url: URL): Promise<unknown> {
  const { default: undici } = await import('undici'); // large, and only servers that trust an issuer need it
  try {
    const { statusCode, body } = await undici.request(url, {
      headers: { accept: 'application/json', 'user-agent': 'synckit-ota' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      reset: true, // it is not asked again for a minute
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`it answered with status ${statusCode}`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > MAX_BYTES) throw new Error(`the response is larger than ${MAX_BYTES / 1024} KiB`);
      chunks.push(chunk);
    }
    return parseBoundedJson(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new OtaError('network', `${url.origin}${url.pathname} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
