import { constants, gunzipSync } from 'node:zlib';

/** The most that the head of a gzipped file is unpacked to, in bytes. */
const MAX_UNPACKED_BYTES = 1024 * 1024;
const BLOCK_BYTES = 512;

export interface PackedEntry {
  readonly path: string;
  /** Its bytes, as far as they are in the head. */
  readonly head: Buffer;
}

/** The files and folders that a gzipped tar starts with, as far as its first bytes show them; none of any other file. */
export function packedEntries(head: Buffer): PackedEntry[] {
  const tar = unpackedHead(head);
  const entries: PackedEntry[] = [];
  for (let at = 0; at + BLOCK_BYTES <= tar.length; ) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    const size = sizeIn(header);
    if (header.toString('latin1', 257, 262) !== 'ustar' || size === undefined) break;
    const start = at + BLOCK_BYTES;
    entries.push({ path: pathIn(header), head: tar.subarray(start, start + size) });
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return entries;
}

function unpackedHead(head: Buffer): Buffer {
  if (head.length < 2 || head.readUInt16BE(0) !== 0x1f8b) return Buffer.alloc(0);
  try {
    return gunzipSync(head, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX_UNPACKED_BYTES,
    });
  } catch {
    return Buffer.alloc(0);
  }
}

function sizeIn(header: Buffer): number | undefined {
  const digits = textAt(header, 124, 12).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function pathIn(header: Buffer): string {
  const [prefix, name] = [textAt(header, 345, 155), textAt(header, 0, 100)];
  const path = prefix === '' ? name : `${prefix}/${name}`;
  return path.replace(/^\.\//, '');
}

function textAt(header: Buffer, from: number, length: number): string {
  const [text = ''] = header.toString('utf8', from, from + length).split('\0');
  return text;
}
