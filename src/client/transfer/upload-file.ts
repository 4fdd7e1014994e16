import type { OtaError } from '../../errors.ts';
import { UploadResponse } from '../../protocol/messages.ts';
import { readUnchanged } from '../read-unchanged.ts';
import { decodeIfMatching } from '../response.ts';
import type { Transport } from '../transport/transport.ts';
import { put } from './presigned-put.ts';
import type { PlannedFile } from './source-file.ts';

/** What the file was when it was planned; one that changed since is not sent to its end. */
export interface UploadRequest extends PlannedFile {
  /** Presigned: no token goes along. */
  readonly url: string;
  readonly onProgress?: (sentBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A PUT that was answered: with what our server tells of it, or with why its URL is not, or no longer, good. */
export type UploadOutcome =
  | {
      /** Extension `expect`: whether the release went live by it. Undefined where the storage does not say. */
      readonly wentLive: boolean | undefined;
    }
  /** A fresh URL may be good. */
  | { readonly urlRefused: OtaError };

/**
 * api.md, "Upload Artifacts": one PUT of the file to its presigned URL, streamed from disk.
 * @throws OtaError `network`, also when nothing moved for two minutes; `preflight_refused` when the file changed
 */
export async function uploadFile(transport: Transport, request: UploadRequest): Promise<UploadOutcome> {
  const { url, size, signal } = request;
  const outcome = await put(transport, { url, size, body: withProgress(request), signal });
  if ('urlRefused' in outcome) return outcome;
  return { wentLive: decodeIfMatching(UploadResponse, outcome.text)?.went_live };
}

async function* withProgress({ onProgress, ...planned }: UploadRequest): AsyncIterable<Uint8Array> {
  let sent = 0;
  for await (const chunk of readUnchanged(planned)) {
    yield chunk;
    sent += chunk.length;
    onProgress?.(sent);
  }
}
