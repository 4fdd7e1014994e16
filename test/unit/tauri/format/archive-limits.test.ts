import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readZip } from '../../../../src/tauri/format/archive-header.ts';
import { readDebianPackage } from '../../../../src/tauri/format/debian-package.ts';
import { MAX_MEMBERS, readTar } from '../../../../src/tauri/format/tar-reader.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { ar } from '../../../support/tauri/packages.ts';

const DEB_HEADER = `${'x'.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'0'.padEnd(8)}${'0'.padEnd(10)}\`\n`;

async function fileWith(bytes: Buffer | string): Promise<string> {
  const file = join(await tempFolder(), 'archive');
  await writeFile(file, bytes);
  return file;
}

/** The header of an empty file in a tar. */
function tarHeader(name: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('00000000000\0', 124);
  header.write('ustar\x0000', 257);
  header.write('0', 156);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

describe('attack H05, H06: an archive with more members than any has is refused:', () => {
  test('a Debian package of 400,000', async () => {
    const file = await fileWith(`!<arch>\n${DEB_HEADER.repeat(400_000)}`);
    await expect(readDebianPackage(file)).rejects.toThrow('more than 100 members');
  });

  test('a Debian package with a few of other programs is read', async () => {
    const few = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`_extra${index}`, 'x']));
    const file = await fileWith(ar({ 'debian-binary': '2.0\n', ...few, 'control.tar.xz': '' }));
    expect(await readDebianPackage(file)).toBeUndefined();
  });

  test('a tar of a few too many, packed or not', async () => {
    const header = tarHeader('a');
    const tar = Buffer.alloc(header.length * (MAX_MEMBERS + 1));
    for (let at = 0; at < tar.length; at += header.length) header.copy(tar, at);
    for (const bytes of [tar, gzipSync(tar)]) {
      const source = createReadStream(await fileWith(bytes));
      await expect(readTar(source, () => undefined)).rejects.toThrow(`more than ${MAX_MEMBERS} members`);
      expect(source.destroyed).toBe(true);
    }
  });

  test('a zip that says so', async () => {
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    const zip64 = Buffer.alloc(56);
    zip64.writeUInt32LE(0x06064b50);
    zip64.writeBigUInt64LE(44n, 4);
    zip64.writeBigUInt64LE(BigInt(MAX_MEMBERS + 1), 24);
    zip64.writeBigUInt64LE(BigInt(MAX_MEMBERS + 1), 32);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    locator.writeUInt32LE(1, 16);
    end.writeUInt16LE(0xffff, 8);
    end.writeUInt16LE(0xffff, 10);
    const file = await fileWith(Buffer.concat([zip64, locator, end]));
    await expect(readZip(file, () => true)).rejects.toThrow(`more than ${MAX_MEMBERS} members`);
  });
});

test('attack H04: a bomb is unpacked piece by piece, and its memory stays small', async () => {
  const level = constants.Z_BEST_COMPRESSION;
  const zeros = gzipSync(Buffer.alloc(32 * 1024 * 1024), { level });
  // Many members of a gzip are one stream: 256 MiB of zeros, which end a tar.
  const file = await fileWith(
    Buffer.concat([gzipSync(tarHeader('a')), ...Array.from({ length: 8 }, () => zeros)]),
  );
  const before = process.memoryUsage().rss;
  const names: string[] = [];
  await readTar(createReadStream(file, { highWaterMark: 256 * 1024 }), (path) => {
    names.push(path);
    return undefined;
  });
  expect(names).toEqual(['a']);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
});
