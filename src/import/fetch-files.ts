import { createHash } from 'node:crypto';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Retry } from '../client/retry.ts';
import { openDownload } from '../client/transfer/download.ts';
import { hashFile } from '../client/transfer/hash-file.ts';
import { displayUrl, type Transport } from '../client/transport/transport.ts';
import { OtaError } from '../errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { mapConcurrently } from '../runtime/map-concurrently.ts';
import type { ImportedFile, ImportedRelease } from './imported-release.ts';

const DOWNLOADS_AT_ONCE = 2;

export interface FetchOptions {
  readonly transport: Transport;
  readonly retry: Retry;
  /** Where the files are kept: those that an interrupted import has fetched are not fetched again. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** A file on this machine, for one platform. */
export interface FetchedFile {
  readonly platform: ImportedFile['platforms'][number];
  readonly file: string;
  readonly signature: string;
}

/**
 * Downloads the files of a release that are not on this machine yet.
 * @throws OtaError `verification_failed` for bytes that have not the hash which the source names; `network`
 */
export async function fetchFiles(release: ImportedRelease, options: FetchOptions): Promise<FetchedFile[]> {
  const { signal } = options;
  const fetched = await mapConcurrently(
    release.files,
    async (file) => {
      const path = typeof file.from === 'string' ? file.from : await fetchFile(release, file, options);
      const { signature } = file;
      return file.platforms.map((platform) => ({ platform, file: path, signature }));
    },
    { concurrency: DOWNLOADS_AT_ONCE, signal },
  );
  return fetched.flat();
}

async function fetchFile(
  { version }: ImportedRelease,
  { from, name, known }: ImportedFile,
  { transport, retry, folder, signal }: FetchOptions,
): Promise<string> {
  const url = new URL(from);
  // Files of two platforms may have the same name.
  const place = join(folder, version, createHash('sha256').update(url.href).digest('hex').slice(0, 16));
  const path = join(place, name);
  await makeFolder(place);
  const there = await stat(path).catch(() => undefined);
  const isKept = known !== undefined && there?.size === known.size;
  if (isKept && (await hashFile(path, signal)).sha256 === known.sha256) return path;
  await retry.run(async () => {
    const opened = await openDownload(transport, { url, maxBytes: known?.size, signal });
    if (opened.kind === 'not_served') {
      throw new OtaError('preflight_refused', `there is no file at ${displayUrl(url)}`, {
        hint: 'Is the release, or its repository, private or deleted?',
      });
    }
    const sha256 = await write(`${path}.part`, opened.chunks);
    if (known !== undefined && sha256 !== known.sha256) {
      throw new OtaError(
        'verification_failed',
        `${displayUrl(url)} has other bytes than were published there`,
      );
    }
    await rename(`${path}.part`, path);
  });
  return path;
}

/** @returns the SHA-256 */
async function write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const file = await open(path, 'w');
  const digest = createHash('sha256');
  try {
    for await (const chunk of chunks) {
      digest.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return digest.digest('hex');
}
