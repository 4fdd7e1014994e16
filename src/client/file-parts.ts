import type { LentBuffer, PartBuffers } from './part-buffers.ts';
import { type PlannedFile, readUnchanged } from './unchanged-file.ts';

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
  readonly buffers: PartBuffers;
}

/**
 * Reads a file once, from its begin to its end, and gives the parts that are wanted, in order. The last comes only, and
 * it only ends, when the file is known to be what was planned.
 * @throws OtaError as `readUnchanged`
 */
export async function* readParts(
  file: PlannedFile,
  { partSize, isWanted, buffers }: ReadPartsOptions,
): AsyncGenerator<FilePart> {
  let number = 1;
  let filled = 0;
  let buffer: LentBuffer | undefined;
  try {
    for await (const chunk of readUnchanged(file)) {
      for (let at = 0; at < chunk.length; ) {
        if (filled === 0 && isWanted(number)) buffer = await buffers.take(partSize);
        const piece = chunk.subarray(at, at + partSize - filled);
        buffer?.bytes.set(piece, filled);
        at += piece.length;
        filled += piece.length;
        if (filled < partSize) continue;
        const whole = buffer;
        buffer = undefined;
        if (whole) yield { number, bytes: whole.bytes, release: whole.release };
        number += 1;
        filled = 0;
      }
    }
    const last = buffer;
    buffer = undefined;
    if (last) yield { number, bytes: last.bytes.subarray(0, filled), release: last.release };
  } finally {
    buffer?.release();
  }
}
