import { type FileHandle, open } from 'node:fs/promises';
import { readExactly } from '../../runtime/read-head.ts';
import type { PackageMetadata } from './package-metadata.ts';

// The RPM format, versions 3 to 6 (https://rpm.org/docs/latest/manual/format_v4.html): a lead, the header of the
// signatures, padded to 8 bytes, and the header that describes the package.

const LEAD_BYTES = 96;
const INTRO_BYTES = 16;
const ENTRY_BYTES = 16;
/** The limits of rpm itself. */
const MAX_ENTRIES = 0xffff;
const MAX_DATA_BYTES = 0x0fff_ffff;

const TAGS = { name: 1000, version: 1001, arch: 1022 } as const;
const STRING_TYPE = 6;
const MAX_TEXT_BYTES = 1024;

/** The parts of a header, by their positions in the file. */
interface Header {
  readonly index: number;
  readonly entries: number;
  readonly data: number;
  readonly dataSize: number;
}

/**
 * Reads the header of an RPM package.
 * @throws Error when it is damaged
 */
export async function readRpmPackage(path: string): Promise<PackageMetadata> {
  const file = await open(path);
  try {
    const signatures = await readHeader(file, LEAD_BYTES);
    const end = signatures.data + signatures.dataSize;
    const header = await readHeader(file, Math.ceil(end / 8) * 8);
    const offsets = await readOffsets(file, header);
    const read = async (tag: keyof typeof TAGS): Promise<string> => {
      const offset = offsets.get(TAGS[tag]);
      const text = offset === undefined ? undefined : await readText(file, header, offset);
      if (text === undefined) throw new Error(`its header has no ${tag}`);
      return text;
    };
    return { name: await read('name'), version: await read('version'), arch: await read('arch') };
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

/** Where in the data the strings are, by tag. An entry of the index is four numbers: tag, type, offset, count. */
async function readOffsets(
  file: FileHandle,
  { index, entries, dataSize }: Header,
): Promise<ReadonlyMap<number, number>> {
  const bytes = await readExactly(file, index, entries * ENTRY_BYTES);
  const offsets = new Map<number, number>();
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const tag = bytes.readUInt32BE(at);
    const type = bytes.readUInt32BE(at + 4);
    const offset = bytes.readUInt32BE(at + 8);
    if (type === STRING_TYPE && offset < dataSize && !offsets.has(tag)) offsets.set(tag, offset);
  }
  return offsets;
}

async function readText(
  file: FileHandle,
  { data, dataSize }: Header,
  offset: number,
): Promise<string | undefined> {
  const bytes = await readExactly(file, data + offset, Math.min(MAX_TEXT_BYTES, dataSize - offset));
  const end = bytes.indexOf(0);
  return end > 0 ? bytes.toString('utf8', 0, end) : undefined;
}
