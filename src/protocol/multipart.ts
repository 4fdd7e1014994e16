/*
 * Extension `multipart`: files that are uploaded in parts. The part size follows from the file's, so that client and
 * server agree on it, and so does a run that goes on with what an earlier one began.
 */

const MIB = 1024 ** 2;

/** From this size on our client uploads in parts where it can, in bytes: several at once are faster. */
export const MULTIPART_FROM = 256 * MIB;
/** The largest file that S3 takes by one PUT, in bytes. */
export const MAX_SINGLE_PUT = 5 * 1024 * MIB;
/** Most parts of a file: their ETags fit into one JSON body. S3 would take ten times as many. */
export const MAX_PARTS = 1000;
/** Part URLs that are given at once; a request that is repeated gives the next. */
export const PART_URLS_AT_ONCE = 100;
/** Smallest part but the last, in bytes. */
const MIN_PART_SIZE = 16 * MIB;

/** Bytes of each part of a file of that size but the last, which has what is left. */
export function partSizeOf(fileSize: number): number {
  return Math.max(MIN_PART_SIZE, Math.ceil(fileSize / MAX_PARTS / MIB) * MIB);
}

/** Number and size of each part of a file, in order. Parts are counted from 1, as S3 does. */
export function partsOf(fileSize: number): readonly { readonly number: number; readonly size: number }[] {
  const partSize = partSizeOf(fileSize);
  return Array.from({ length: Math.ceil(fileSize / partSize) }, (_, i) => ({
    number: i + 1,
    size: Math.min(partSize, fileSize - i * partSize),
  }));
}
