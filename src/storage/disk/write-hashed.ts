import type { FileHandle } from 'node:fs/promises';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { FileHash, THREADS_FROM } from '../../runtime/hashing/file-hash.ts';
import type { ContentDigest, DigestOptions } from '../artifact-storage.ts';
import { StreamDigest } from '../stream-digest.ts';
import { sync } from './durable-file.ts';
import { writeBody } from './write-body.ts';

export interface NewFile {
  readonly handle: FileHandle;
  readonly file: string;
}

/**
 * Writes a stream to a new file and hashes it; durable when it resolves.
 * @throws OtaError `durability_lost`; `store_unavailable` when it could not be hashed
 */
export function writeHashed(
  target: NewFile,
  body: AsyncIterable<Buffer>,
  options: DigestOptions,
): Promise<ContentDigest | 'size_differs'> {
  return options.size < THREADS_FROM ? writeSmall(target, body, options) : writeLarge(target, body, options);
}

async function writeSmall(
  { handle }: NewFile,
  body: AsyncIterable<Buffer>,
  options: DigestOptions,
): Promise<ContentDigest | 'size_differs'> {
  const digest = new StreamDigest(options);
  const onBytes = (bytes: Buffer) => void digest.update(bytes);
  if ((await writeBody(handle, body, { size: options.size, onBytes })) === 'size_differs')
    return 'size_differs';
  await sync(handle);
  return digest.finish();
}

/** The threads read what was written from the system's cache, so that this one only receives and writes. */
async function writeLarge(
  { handle, file }: NewFile,
  body: AsyncIterable<Buffer>,
  { size, blake2b512 }: DigestOptions,
): Promise<ContentDigest | 'size_differs'> {
  const hash = new FileHash(file, { blake2b512 });
  try {
    const onWritten = (end: number) => hash.advance(end);
    if ((await writeBody(handle, body, { size, onWritten })) === 'size_differs') {
      hash.cancel();
      return 'size_differs';
    }
    const [digest] = await Promise.all([hash.finish(size).catch(notHashed), sync(handle)]);
    return digest;
  } catch (error) {
    hash.cancel();
    throw error;
  }
}

/** Not the uploader's fault: sending the file again may help. A broken disk is reported as such. */
export function notHashed(cause: unknown): never {
  if (errorCode(cause) !== undefined) throw cause;
  throw new OtaError('store_unavailable', `an upload could not be hashed: ${messageOf(cause)}`, { cause });
}
