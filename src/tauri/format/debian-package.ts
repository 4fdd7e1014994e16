import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { readExactly } from './binary-header.ts';
import type { PackageData } from './package-metadata.ts';
import { readTar } from './tar-reader.ts';

/** Of the `ar` itself, and of each member's header. */
const MAGIC_BYTES = 8;
const HEADER_BYTES = 60;

/** Largest control file that is read, in bytes; most have less than 1000. */
const MAX_CONTROL_BYTES = 1024 * 1024;

/** A member of an `ar`: where its bytes are in the file. */
interface Member {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/**
 * Reads the control data of a Debian package (deb(5), deb-control(5)); undefined where it is packed with xz or zstd,
 * which Node cannot read everywhere. tauri-bundler takes gzip.
 * @throws when it is damaged, or there is none
 */
export async function readDebianPackage(file: string): Promise<PackageData | undefined> {
  const member = await findControl(file);
  if (!/^control\.tar(\.gz)?$/.test(member.name)) return undefined;
  let control = '';
  const bytes = createReadStream(file, { start: member.start, end: member.start + member.size - 1 });
  await readTar(bytes, (path) =>
    /^(?:\.\/)?control$/.test(path)
      ? {
          bytes: MAX_CONTROL_BYTES,
          take: (content) => {
            control = content.toString('utf8');
          },
          enough: () => true,
        }
      : undefined,
  );
  return {
    name: fieldOf(control, 'Package'),
    version: fieldOf(control, 'Version'),
    arch: fieldOf(control, 'Architecture'),
  };
}

/** It is among the first members: dpkg itself wants it second. */
async function findControl(path: string): Promise<Member> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    for (let at = MAGIC_BYTES; at < size; ) {
      const member = await readMember(file, at);
      if (member.name.startsWith('control.tar')) return member;
      at = member.start + member.size + (member.size % 2); // members begin at even places
    }
  } finally {
    await file.close();
  }
  throw new Error('there is no control data in it');
}

async function readMember(file: FileHandle, at: number): Promise<Member> {
  const header = (await readExactly(file, at, HEADER_BYTES)).toString('latin1');
  const size = Number(header.slice(48, 58));
  if (!header.endsWith('`\n') || !Number.isSafeInteger(size) || size < 0) {
    throw new Error('its members are damaged');
  }
  return { name: header.slice(0, 16).trimEnd().replace(/\/$/, ''), start: at + HEADER_BYTES, size };
}

function fieldOf(control: string, name: string): string {
  const value = new RegExp(`^${name}:(.*)$`, 'im').exec(control)?.[1]?.trim();
  if (!value) throw new Error(`its control data has no ${name}`);
  return value;
}
