import type { OtaError } from '../../errors.ts';
import { UploadResponse } from '../../protocol/messages.ts';
import { peerAt, type ServerKind } from '../refusal/peer.ts';
import { decodeIfMatching, notTheApi, type ReceivedResponse } from '../response.ts';
import type { Transport } from '../transport/transport.ts';
import { put } from './presigned-put.ts';
import type { SourceFile } from './source-file.ts';

export interface UploadRequest {
  readonly url: string;
  readonly source: SourceFile;
  readonly onProgress?: (sentBytes: number) => void;
  /** What is known of the server that granted the URL. */
  readonly server?: ServerKind | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type UploadResult =
  | {
      readonly kind: 'uploaded';
      /** Extension `expect`: whether the release went live by it. Undefined where the storage does not say. */
      readonly wentLive: boolean | undefined;
    }
  /** The URL is not valid, or no longer: a fresh one may be. */
  | { readonly kind: 'url_refused'; readonly error: OtaError }
  /** A success that our server would not have answered: the server knows whether the file is stored. */
  | { readonly kind: 'unconfirmed'; readonly error: OtaError };

/**
 * api.md, "Upload Artifacts": one PUT of the file, streamed from disk.
 * @throws OtaError as `put` and `SourceFile`
 */
export async function uploadFile(transport: Transport, request: UploadRequest): Promise<UploadResult> {
  const { url, source, server, signal } = request;
  const result = await put(transport, {
    url,
    size: source.size,
    body: withProgress(request),
    server,
    signal,
  });
  if (result.kind === 'url_refused') return result;
  const answer = decodeIfMatching(UploadResponse, result.response.text);
  if (answer?.sha256 !== source.sha256 && isOurs(result.response, server)) {
    return { kind: 'unconfirmed', error: notStored(result.response) };
  }
  return { kind: 'uploaded', wentLive: answer?.went_live };
}

/** Whether the URL leads to our server itself, which answers with what it stored. */
function isOurs({ url }: ReceivedResponse, server: ServerKind | undefined): boolean {
  return server === 'problems' && peerAt(url).place === 'server';
}

function notStored(response: ReceivedResponse): OtaError {
  const what = `status ${response.status}, but not as the server confirms a stored file`;
  return notTheApi(response, what, {
    hint: 'Something in front of the server probably answered in its place: let it pass PUT requests on, with their responses unchanged.',
  });
}

async function* withProgress({ source, onProgress }: UploadRequest): AsyncIterable<Uint8Array> {
  let sent = 0;
  for await (const chunk of source.stream()) {
    yield chunk;
    sent += chunk.length;
    onProgress?.(sent);
  }
}
