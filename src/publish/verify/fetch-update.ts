import { download, type NotServed } from '../../client/transfer/download.ts';
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
  /** As the update check returned it. */
  readonly signature: string;
  readonly version: string;
  /** To check the signature against; undefined: it is not checked. */
  readonly publicKey: PublicKey | undefined;
  /** More than this is not read, in bytes. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FetchedUpdate {
  readonly kind: 'fetched';
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The digest that the server announced (`Repr-Digest`, RFC 9530), hexadecimal; undefined without one. */
  readonly announcedSha256: string | undefined;
  /** Undefined when there was no key to check against. */
  readonly signature: Verification | undefined;
}

/** Downloads an update and checks its signature as Tauri's updater would. */
export async function fetchUpdate(
  transport: Transport,
  { url, signature: text, version, publicKey, maxBytes, signal }: FetchRequest,
): Promise<FetchedUpdate | NotServed> {
  const signature = parseSignature(text);
  const needsBytes = publicKey !== undefined && signature.kind === 'signature' && !signature.prehashed;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const onChunk = (chunk: Uint8Array) => {
    size += chunk.length;
    if (needsBytes && size <= MAX_UNHASHED_BYTES) chunks.push(chunk);
  };
  const downloaded = await download(transport, { url, maxBytes, signal, onChunk });
  if (downloaded.kind === 'not_served') return downloaded;
  const { blake2b512, sha256, announcedSha256 } = downloaded;
  const fetched = (verification: Verification | undefined): FetchedUpdate => {
    return { kind: 'fetched', size, sha256, announcedSha256, signature: verification };
  };
  if (publicKey === undefined) return fetched(undefined);
  if (signature.kind === 'malformed') {
    return fetched({ valid: false, reason: `the signature ${signature.reason}` });
  }
  if (needsBytes && size > MAX_UNHASHED_BYTES) {
    return fetched({ valid: false, reason: 'the file is too large for a signature without prehash' });
  }
  const message = needsBytes ? Buffer.concat(chunks) : blake2b512;
  return fetched(verifySignature(signature, { publicKey, message, version }));
}
