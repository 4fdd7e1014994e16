import type { OtaError } from '../../errors.ts';
import { UploadResponse } from '../../protocol/messages.ts';
import { decodeIfMatching } from '../response.ts';
import type { Transport } from '../transport/transport.ts';
import { put } from './presigned-put.ts';
import type { SourceFile } from './source-file.ts';

export interface UploadRequest {
  readonly url: string;
  readonly source: SourceFile;
  readonly onProgress?: (sentBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export type UploadResult =
  | {
      readonly kind: 'uploaded';
      /** Extension `expect`: whether the release went live by it. Undefined where the storage does not say. */
      readonly wentLive: boolean | undefined;
    }
  /** The URL is not valid, or no longer: a fresh one may be. */
  | { readonly kind: 'url_refused'; readonly error: OtaError };

/** api.md, "Upload Artifacts": one PUT of the file, streamed from disk. @throws OtaError as `put` and `SourceFile` */
export async function uploadFile(transport: Transport, request: UploadRequest): Promise<UploadResult> {
  const { url, source, signal } = request;
  const result = await put(transport, { url, size: source.size, body: withProgress(request), signal });
  if (result.kind === 'url_refused') return result;
  return { kind: 'uploaded', wentLive: decodeIfMatching(UploadResponse, result.response.text)?.went_live };
}

async function* withProgress({ source, onProgress }: UploadRequest): AsyncIterable<Uint8Array> {
  let sent = 0;
  for await (const chunk of source.stream()) {
    yield chunk;
    sent += chunk.length;
    onProgress?.(sent);
  }
}
