import { type FileHandle, open } from 'node:fs/promises';
import { readExactly } from './binary-header.ts';
import type { PackageData } from './package-metadata.ts';

/*
 * The RPM format, version 3 to 6 (https://rpm.org/docs/latest/manual/format_v4.html): a lead, whose arch nobody fills
 * in, a header of signatures, padded to 8 bytes, and the header that describes the package.
 */

const LEAD_BYTES = 96;
const INTRO_BYTES = 16;
const ENTRY_BYTES = 16;
/** What rpm itself takes at most. */
const MAX_ENTRIES = 0xffff;
const MAX_DATA_BYTES = 0x0fff_ffff;

const TAGS = { name: 1000, version: 1001, arch: 1022 } as const;
const STRING_TYPE = 6;
/** Longest text that is read, in bytes. */
const MAX_TEXT_BYTES = 1024;

/** A header's parts: where they are in the file, and how large. */
interface Header {
  readonly index: number;
  readonly entries: number;
  readonly data: number;
  readonly dataSize: number;
}

/**
 * Reads what the header of an RPM package says.
 * @throws when it is damaged
 */
export async function readRpmPackage(path: string): Promise<PackageData> {
  const file = await open(path);
  try {
    const signatures = await readHeader(file, LEAD_BYTES);
    const end = signatures.data + signatures.dataSize;
    const header = await readHeader(file, Math.ceil(end / 8) * 8);
    const index = await readExactly(file, header.index, header.entries * ENTRY_BYTES);
    return {
      name: await readText(file, header, index, 'name'),
      version: await readText(file, header, index, 'version'),
      arch: await readText(file, header, index, 'arch'),
    };
  } finally {
    await file.close();
  }
}

async function readHeader(file: FileHandle, at: number): Promise<Header> {
  const intro = await readExactly(file, at, INTRO_BYTES);
  const [entries, dataSize] = [intro.readUInt32BE(8), intro.readUInt32BE(12)];
  if (intro.readUInt32BE(0) !== 0x8ead_e801 || entries > MAX_ENTRIES || dataSize > MAX_DATA_BYTES) {
    throw new Error('its header is damaged');
  }
  const index = at + INTRO_BYTES;
  return { index, entries, data: index + entries * ENTRY_BYTES, dataSize };
}

/** Each entry of the index is four numbers: tag, type, offset in the data, count. */
async function readText(
  file: FileHandle,
  { entries, data, dataSize }: Header,
  index: Buffer,
  what: keyof typeof TAGS,
): Promise<string> {
  for (let at = 0; at < entries * ENTRY_BYTES; at += ENTRY_BYTES) {
    const offset = index.readUInt32BE(at + 8);
    if (index.readUInt32BE(at) !== TAGS[what] || index.readUInt32BE(at + 4) !== STRING_TYPE) continue;
    if (offset >= dataSize) break;
    const bytes = await readExactly(file, data + offset, Math.min(MAX_TEXT_BYTES, dataSize - offset));
    const end = bytes.indexOf(0);
    if (end > 0) return bytes.toString('utf8', 0, end);
  }
  throw new Error(`its header has no ${what}`);
}
