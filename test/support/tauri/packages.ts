import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tarGz } from './archives.ts';

/** What a package says about itself, in the terms of its system. */
export interface PackageOptions {
  readonly name?: string;
  readonly version?: string;
  readonly arch?: string;
}

/** A Debian package as tauri-bundler makes it (deb(5)): an `ar` of a version and two gzipped tars. */
export function debianPackage(options: PackageOptions = {}): Buffer {
  const { name = 'note-taker', version = '1.2.0', arch = 'amd64' } = options;
  const fields = [`Package: ${name}`, `Version: ${version}`, `Architecture: ${arch}`, 'Installed-Size: 1'];
  const about = ['Maintainer: example', 'Priority: optional', 'Description: (none)', ' (none)'];
  const control = `${[...fields, ...about].join('\n')}\n`;
  return ar({
    'debian-binary': '2.0\n',
    'control.tar.gz': tarGz({ md5sums: '', control }),
    'data.tar.gz': tarGz({ 'usr/share/doc/note-taker/copyright': 'nobody\n' }),
  });
}

/** Files in an `ar`, each at an even place. */
export function ar(members: Readonly<Record<string, Buffer | string>>): Buffer {
  const parts = Object.entries(members).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    const numbers = `${'1700000000'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`;
    const header = `${name.padEnd(16)}${numbers}${String(bytes.length).padEnd(10)}\`\n`;
    return [Buffer.from(header, 'latin1'), bytes, Buffer.from(bytes.length % 2 ? '\n' : '')];
  });
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

/** Types in an RPM header (https://rpm.org/docs/latest/manual/format_header.html). */
const [INT32, STRING, BINARY, I18N] = [4, 6, 7, 9] as const;

type RpmEntry = readonly [tag: number, type: number, value: string | number | Buffer];

/**
 * An RPM package without files, of format 4: lead, signatures, header, and an empty gzipped cpio.
 * @param reserved bytes that are kept free among the signatures, so that their end varies
 */
export function rpmPackage(options: PackageOptions = {}, reserved = 32): Buffer {
  const { name = 'note-taker', version = '1.2.0', arch = 'x86_64' } = options;
  const header = rpmHeader(63, [
    [1000, STRING, name],
    [1001, STRING, version],
    [1002, STRING, '1'], // release
    [1004, I18N, 'Takes notes'], // summary
    [1005, I18N, 'Takes notes'], // description
    [1009, INT32, 0], // size
    [1014, STRING, 'MIT'], // licence
    [1016, I18N, 'Unspecified'], // group
    [1021, STRING, 'linux'],
    [1022, STRING, arch],
    [1124, STRING, 'cpio'],
    [1125, STRING, 'gzip'],
    [1126, STRING, '6'],
  ]);
  const end = `070701${'0'.repeat(8 * 4)}00000001${'0'.repeat(8 * 6)}0000000b${'0'.repeat(8)}`;
  const payload = gzipSync(`${end}TRAILER!!!\0\0\0\0`);
  const signatures = rpmHeader(62, [
    [269, STRING, createHash('sha1').update(header).digest('hex')],
    [273, STRING, createHash('sha256').update(header).digest('hex')],
    [1000, INT32, header.length + payload.length],
    [1008, BINARY, Buffer.alloc(reserved)],
  ]);
  const padding = Buffer.alloc((8 - (signatures.length % 8)) % 8);
  return Buffer.concat([rpmLead(name), signatures, padding, header, payload]);
}

function rpmLead(name: string): Buffer {
  const lead = Buffer.alloc(96);
  lead.set([0xed, 0xab, 0xee, 0xdb, 3, 0]);
  lead.writeUInt16BE(1, 8); // the arch is 1 whatever the package is for, as in most
  lead.write(name, 10, 65, 'utf8');
  lead.writeUInt16BE(1, 76); // Linux
  lead.writeUInt16BE(5, 78); // the signatures are a header
  return lead;
}

/** @param region the tag of the region that holds all entries: its data, at the end, points back to the index */
function rpmHeader(region: number, entries: readonly RpmEntry[]): Buffer {
  const data: Buffer[] = [];
  let size = 0;
  const append = (bytes: Buffer): number => {
    const offset = size;
    data.push(bytes);
    size += bytes.length;
    return offset;
  };
  const index = entries.map(([tag, type, value]) => {
    if (typeof value === 'string') return [tag, type, append(Buffer.from(`${value}\0`)), 1];
    if (typeof value !== 'number') return [tag, type, append(value), value.length];
    append(Buffer.alloc((4 - (size % 4)) % 4));
    return [tag, type, append(uint32s(value)), 1];
  });
  const regionAt = append(uint32s(region, BINARY, -16 * (entries.length + 1), 16));
  const numbers = [0x8ead_e801, 0, entries.length + 1, size, region, BINARY, regionAt, 16];
  return Buffer.concat([uint32s(...numbers, ...index.flat()), ...data]);
}

function uint32s(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number >>> 0, 4 * i);
  return bytes;
}
