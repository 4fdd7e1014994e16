import { download } from '../../client/transfer/download.ts';
import type { Transport } from '../../client/transport/transport.ts';
import {
  MAX_UNHASHED_BYTES,
  type PublicKey,
  parseSignature,
  type Verification,
  verifySignature,
} from '../../protocol/minisign.ts';

export interface FetchRequest {
  readonly url: URL;
  /** As the check answered it. */
  readonly signature: string;
  readonly version: string;
  /** To check the signature by; undefined: it is not checked. */
  readonly publicKey: PublicKey | undefined;
  /** More than this is not read, in bytes. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FetchedUpdate {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** What the server says of the bytes, where it does (`Repr-Digest`, RFC 9530). */
  readonly announcedSha256: string | undefined;
  /** Undefined when there was no key to check by. */
  readonly signature: Verification | undefined;
}

/**
 * Downloads an update and checks its signature as Tauri's updater would.
 * @returns `not_served` when the server has no such file
 */
export async function fetchUpdate(
  transport: Transport,
  { url, signature: text, version, publicKey, maxBytes, signal }: FetchRequest,
): Promise<FetchedUpdate | 'not_served'> {
  const signature = parseSignature(text);
  const needsBytes = publicKey !== undefined && signature.kind === 'signature' && !signature.prehashed;
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  const onChunk = (chunk: Uint8Array) => {
    keptBytes += chunk.length;
    if (needsBytes && keptBytes <= MAX_UNHASHED_BYTES) kept.push(chunk);
  };
  const downloaded = await download(transport, { url, maxBytes, signal, onChunk });
  if (downloaded === 'not_served') return downloaded;
  const { blake2b512, ...fetched } = downloaded;
  if (publicKey === undefined) return { ...fetched, signature: undefined };
  const invalid = (reason: string) => ({ ...fetched, signature: { valid: false, reason } as const });
  if (signature.kind === 'malformed') return invalid(`the signature ${signature.reason}`);
  if (needsBytes && keptBytes > MAX_UNHASHED_BYTES) {
    return invalid('the file is too large for a signature without prehash');
  }
  const message = needsBytes ? Buffer.concat(kept) : blake2b512;
  return { ...fetched, signature: verifySignature(signature, { publicKey, message, version }) };
}
