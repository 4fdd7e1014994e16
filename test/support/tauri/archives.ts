import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { create } from 'tar';

/** Files in a gzipped tar, in this order. */
export function tarGz(entries: Readonly<Record<string, Buffer | string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'synckit-ota-tar-'));
  for (const [path, content] of Object.entries(entries)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const pack = create({ gzip: true, sync: true, cwd: folder, portable: true }, Object.keys(entries));
  const bytes = pack.read();
  rmSync(folder, { recursive: true });
  if (bytes === null) throw new Error('a tar of no files was asked for');
  return bytes;
}

/** Writes them to a file. */
export async function writeTarGz(
  file: string,
  entries: Readonly<Record<string, Buffer | string>>,
): Promise<void> {
  await writeFile(file, tarGz(entries));
}

/** A zip; of stored files, as tauri-bundler makes it, or of deflated ones. */
export function zip(entries: Readonly<Record<string, Buffer>>, as: 'stored' | 'deflated' = 'stored'): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of Object.entries(entries)) {
    const name = Buffer.from(path);
    const packed = as === 'stored' ? content : deflateRawSync(content);
    const common = Buffer.alloc(26); // what the local and the central header share, from the version on
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(as === 'stored' ? 0 : 8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const central = Buffer.alloc(46);
    central.write('PK\x01\x02', 0, 'latin1');
    central.writeUInt16LE(20, 4);
    common.copy(central, 6);
    central.writeUInt32LE(offset, 42);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, packed]);
    locals.push(local);
    centrals.push(Buffer.concat([central, name]));
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(centrals.length, 8);
  end.writeUInt16LE(centrals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}
