// Extension `multipart`: uploads in parts. This server derives the part size from the file's; clients are sent it.

const MIB = 1024 ** 2;

/** From this size on the client uploads in parts, several at once, in bytes, unless the server says otherwise. */
export const MULTIPART_FROM = 256 * MIB;
/** The same to a server with disk storage: what is in front of it may take no larger body. */
export const DISK_MULTIPART_FROM = 64 * MIB;
/** Largest file that S3 accepts in one PUT, in bytes. */
export const MAX_SINGLE_PUT = 5 * 1024 * MIB;
/** Most parts of a file: their ETags fit into one JSON body. S3 allows 10,000. */
export const MAX_PARTS = 1000;
/** Part URLs in one response; a repeated request gets the next. */
export const PART_URLS_AT_ONCE = 100;
const MIN_PART_SIZE = 8 * MIB;

/** Bytes of each part but the last, which has what is left. */
export function partSizeOf(fileSize: number): number {
  return Math.max(MIN_PART_SIZE, Math.ceil(fileSize / MAX_PARTS / MIB) * MIB);
}

export interface PartRange {
  readonly number: number; // from 1, as in S3
  readonly size: number; // bytes
}

/** The parts of a file, in order. */
export function partsOf(fileSize: number, partSize = partSizeOf(fileSize)): readonly PartRange[] {
  return Array.from({ length: Math.ceil(fileSize / partSize) }, (_, i) => ({
    number: i + 1,
    size: Math.min(partSize, fileSize - i * partSize),
  }));
}
