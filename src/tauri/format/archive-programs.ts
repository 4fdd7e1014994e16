import { createReadStream } from 'node:fs';
import { type BinaryHeader, HEAD_BYTES, parseBinaryHeader } from '../../protocol/bundle/binary-header.ts';
import { readZip } from './archive-header.ts';
import { readTar } from './tar-reader.ts';

/** How many files of an archive are tried. */
const MAX_TRIED = 100;

/** A macOS app's own executables, and files at the top or in a folder there, as in a portable app. */
const PROGRAM = /^(?:\.\/)?(?:(?:[^/]+\/)?[^/]+\.app\/Contents\/MacOS\/[^/]+|(?:[^/]+\/)?[^/]+)$/;

/** The headers of the programs in a zip or gzipped tar; none in any other file, or in a damaged one. */
export async function readArchivePrograms(file: string, head: Buffer): Promise<BinaryHeader[]> {
  const read = head.subarray(0, 2).toString('latin1') === 'PK' ? programsOfZip : programsOfTar;
  if (read === programsOfTar && head.readUInt16BE(0) !== 0x1f8b) return [];
  return read(file).catch(() => []);
}

async function programsOfZip(file: string): Promise<BinaryHeader[]> {
  let tried = 0;
  const entries = await readZip(file, (name) => PROGRAM.test(name) && ++tried <= MAX_TRIED);
  return entries.flatMap(({ head }) => programIn(head ?? Buffer.alloc(0)));
}

async function programsOfTar(file: string): Promise<BinaryHeader[]> {
  const found: BinaryHeader[] = [];
  let tried = 0;
  await readTar(createReadStream(file, { highWaterMark: 256 * 1024 }), (path) =>
    PROGRAM.test(path)
      ? {
          bytes: HEAD_BYTES,
          take: (head) => found.push(...programIn(head)),
          enough: () => ++tried >= MAX_TRIED,
        }
      : undefined,
  );
  return found;
}

function programIn(head: Buffer): BinaryHeader[] {
  return [parseBinaryHeader(head)].filter((header) => header !== undefined);
}
