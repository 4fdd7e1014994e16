import type { ServerKind } from '../../client/refusal/peer.ts';
import { download, type NotServed } from '../../client/transfer/download.ts';
import type { Transport } from '../../client/transport/transport.ts';
import {
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
  /** The BLAKE2b-512 of the bytes that are expected: then what is served is hashed once, and only compared with them. */
  readonly expected?: { readonly sha256: string; readonly blake2b512: Buffer } | undefined;
  /** More than this is not read, in bytes. */
  readonly maxBytes?: number | undefined;
  /** What is known of the server that the URL is of. */
  readonly server?: ServerKind | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the size that the response announces, then with that of each piece. */
  readonly onTotal?: ((bytes: number) => void) | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
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

/** Downloads an update and checks its signature: `verifySignature`. */
export async function fetchUpdate(
  transport: Transport,
  { signature: text, version, publicKey, expected, onBytes, ...request }: FetchRequest,
): Promise<FetchedUpdate | NotServed> {
  const signature = parseSignature(text);
  const isChecked = publicKey !== undefined && signature.kind === 'signature';
  let size = 0;
  const onChunk = (chunk: Uint8Array) => {
    size += chunk.length;
    onBytes?.(chunk.length);
  };
  const downloaded = await download(transport, { ...request, onChunk, blake2b512: isChecked && !expected });
  if (downloaded.kind === 'not_served') return downloaded;
  const { sha256, announcedSha256 } = downloaded;
  const fetched = (verification: Verification | undefined): FetchedUpdate => {
    return { kind: 'fetched', size, sha256, announcedSha256, signature: verification };
  };
  if (publicKey === undefined) return fetched(undefined);
  if (signature.kind === 'malformed') {
    return fetched({ valid: false, reason: `the signature ${signature.reason}` });
  }
  if (expected !== undefined && expected.sha256 !== sha256) {
    return fetched({ valid: false, reason: 'the signature belongs to a different file' });
  }
  const { blake2b512 } = expected ?? downloaded;
  if (blake2b512 === undefined) throw new Error('the BLAKE2b-512 of the download was not computed');
  return fetched(verifySignature(signature, { publicKey, blake2b512, version }));
}
