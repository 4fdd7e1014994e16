import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  type BinaryHeader,
  HEAD_BYTES,
  isAr,
  isOle,
  isRpm,
  parseBinaryHeader,
} from '../../protocol/bundle/binary-header.ts';
import { type BundleKind, parseBundleName, targetOfBundle } from '../../protocol/bundle/bundle-name.ts';
import type { Arch, Target } from '../../protocol/platform.ts';
import { readExactly, readHead } from '../../runtime/read-head.ts';
import { type BundleContent, placeOfContent, readBundleContent } from '../bundle/bundle-content.ts';
import { type Statement, sameArchs } from '../bundle/statement.ts';
import { readArchivePrograms } from '../format/archive-programs.ts';

/** What the bytes of any file say, whatever it is called; or that an archive is not what its name says. */
export type BytesResult =
  | { readonly kind: 'bytes'; readonly statement: Statement; readonly product?: string | undefined }
  | { readonly kind: 'mismatch'; readonly reason: string };

const TARGET_OF: Readonly<Record<BinaryHeader['format'], Target>> = {
  'mach-o': 'darwin',
  elf: 'linux',
  pe: 'windows',
};

/** Reads a file as far as needed. Bytes that are damaged, or of an unknown format, say nothing. */
export async function readFileBytes(file: string): Promise<BytesResult> {
  const name = parseBundleName(basename(file));
  if (name?.archive && name.kind !== 'appimage') {
    const content = await readBundleContent(file, name); // the installer inside has the zip's own name
    if (content.kind === 'mismatch' && !content.unreadable) return content;
  }
  const head = await readHead(file, HEAD_BYTES);
  const header = parseBinaryHeader(head);
  if (header !== undefined) return said(statementOfProgram(header));
  if (isOle(head)) return said({ kind: 'msi', target: 'windows' });
  if (head.subarray(0, 4).toString('latin1') === 'xar!') return said({ target: 'darwin' }); // a macOS package
  if (isAr(head)) return readPackage(file, 'deb');
  if (isRpm(head)) return readPackage(file, 'rpm');
  if (await isDiskImage(file)) return said({ kind: 'dmg', target: 'darwin' });
  return head.length < 2 ? said({}) : readArchive(file, head);
}

async function readPackage(file: string, kind: 'deb' | 'rpm'): Promise<BytesResult> {
  const content = await readBundleContent(file, { kind, archive: false });
  if (content.kind === 'content') return saidByContent(kind, content);
  return said(content.unreadable ? {} : { kind, target: 'linux', archs: [] });
}

async function readArchive(file: string, head: Buffer): Promise<BytesResult> {
  if (head.readUInt16BE(0) === 0x1f8b) {
    const app = await readBundleContent(file, { kind: 'app', archive: false });
    if (app.kind === 'content') return saidByContent('app', app);
  }
  const programs = (await readArchivePrograms(file, head)).map(statementOfProgram);
  const [first] = programs;
  if (first === undefined || programs.some(({ target }) => target !== first.target)) return said({});
  const withArchs = programs.flatMap(({ archs }) => (archs === undefined ? [] : [archs]));
  const [archs = undefined] = withArchs;
  const agree = archs !== undefined && withArchs.every((other) => sameArchs(archs, other));
  return said({ target: first.target, ...(agree && { archs }) });
}

/** The only kind of bundle that is a program of this format. */
const KIND_OF: Readonly<Partial<Record<BinaryHeader['format'], BundleKind>>> = {
  elf: 'appimage',
  pe: 'nsis',
};

function statementOfProgram({ format, archs }: BinaryHeader): Omit<Statement, 'by'> {
  const kind = KIND_OF[format];
  return { target: TARGET_OF[format], kind, archs: isStub(format, archs) ? undefined : archs };
}

/** Installers for every arch of Windows start with a program for 32 bits. */
function isStub(format: BinaryHeader['format'], archs: readonly Arch[]): boolean {
  return format === 'pe' && archs.includes('i686');
}

function saidByContent(kind: BundleKind, content: BundleContent): BytesResult {
  const { archs, version, packageName, appName } = content;
  const statement = { by: placeOfContent(kind), kind, target: targetOfBundle(kind), archs, version };
  return { kind: 'bytes', statement, product: packageName ?? appName };
}

function said(statement: Omit<Statement, 'by'>): BytesResult {
  return { kind: 'bytes', statement: { by: 'its header', ...statement } };
}

/** A disk image ends with a block of 512 bytes that starts with `koly`. */
async function isDiskImage(path: string): Promise<boolean> {
  const { size } = await stat(path);
  if (size < 512) return false;
  const file = await open(path);
  try {
    return (await readExactly(file, size - 512, 4)).toString('latin1') === 'koly';
  } finally {
    await file.close();
  }
}
