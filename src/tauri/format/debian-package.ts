import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { readExactly } from '../../runtime/read-head.ts';
import type { PackageMetadata } from './package-metadata.ts';
import { readTar } from './tar-reader.ts';

const MAGIC_BYTES = 8; // of the `ar`
const HEADER_BYTES = 60; // of each member

/** Debian packages have three, and may have a few of other programs. */
const MAX_MEMBERS = 100;

/** Largest control file that is read, in bytes. Most have less than 1000. */
const MAX_CONTROL_BYTES = 1024 * 1024;

/** A member of an `ar`, by the position of its bytes in the file. */
interface Member {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/**
 * Reads the control data of a Debian package (deb(5), deb-control(5)); undefined where it is compressed with xz or
 * zstd, which not every Node can read. tauri-bundler uses gzip.
 * @throws Error when it is damaged or missing
 */
export async function readDebianPackage(file: string): Promise<PackageMetadata | undefined> {
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
    version: filledField(control, 'Version'),
    arch: filledField(control, 'Architecture'),
  };
}

async function findControl(path: string): Promise<Member> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    let at = MAGIC_BYTES;
    for (let members = 0; at < size; members++) {
      if (members === MAX_MEMBERS) throw new Error(`it has more than ${MAX_MEMBERS} members`);
      const member = await readMember(file, at);
      if (member.name.startsWith('control.tar')) return member;
      at = member.start + member.size + (member.size % 2); // members begin at even places
    }
  } finally {
    await file.close();
  }
  throw new Error('it has no control data');
}

async function readMember(file: FileHandle, at: number): Promise<Member> {
  const header = (await readExactly(file, at, HEADER_BYTES)).toString('latin1');
  const size = Number(header.slice(48, 58));
  if (!header.endsWith('`\n') || !Number.isSafeInteger(size) || size < 0) {
    throw new Error('a member header is damaged');
  }
  return { name: header.slice(0, 16).trimEnd().replace(/\/$/, ''), start: at + HEADER_BYTES, size };
}

/** Empty for a product without letters and numbers, such as an emoji: tauri-bundler's package has no name then. */
function fieldOf(control: string, name: string): string {
  const start = `${name.toLowerCase()}:`;
  const line = control.split('\n').find((each) => each.toLowerCase().startsWith(start));
  if (line === undefined) throw new Error(`its control data has no ${name}`);
  return line.slice(start.length).trim();
}

function filledField(control: string, name: string): string {
  const value = fieldOf(control, name);
  if (value === '') throw new Error(`its control data has no ${name}`);
  return value;
}
