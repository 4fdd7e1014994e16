import { UnchangedFile } from '../unchanged-file.ts';
import type { BufferPool, LentBuffer } from './buffer-pool.ts';
import type { PlannedFile } from './source-file.ts';

/** A part of a file, in memory until it is released. */
export interface FilePart extends LentBuffer {
  /** From 1. */
  readonly number: number;
}

export interface ReadPartsOptions {
  /** Bytes of each part but the last. */
  readonly partSize: number;
  /** Whether a part is to be sent; the others are only read. */
  readonly isWanted: (number: number) => boolean;
  readonly buffers: BufferPool;
}

/**
 * Reads a file once, from its begin to its end, and gives the parts that are wanted, in order. The last comes only, and
 * it only ends, when the file is known to be what was planned.
 * @throws OtaError as `UnchangedFile`
 */
export async function* readParts(
  planned: PlannedFile,
  { partSize, isWanted, buffers }: ReadPartsOptions,
): AsyncGenerator<FilePart> {
  const file = await UnchangedFile.open(planned);
  try {
    for (let number = 1; file.left > 0; number++) {
      const size = Math.min(partSize, file.left);
      const buffer = isWanted(number) ? await buffers.take(partSize) : undefined;
      try {
        if (buffer) await file.fill(buffer.bytes.subarray(0, size));
        else await file.pass(size);
        if (file.left === 0) await file.requireUnchanged();
      } catch (error) {
        buffer?.release();
        throw error;
      }
      if (buffer) yield { number, bytes: buffer.bytes.subarray(0, size), release: buffer.release };
    }
  } finally {
    await file.close();
  }
}
