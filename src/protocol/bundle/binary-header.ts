import type { Arch } from '../platform.ts';

/** How many bytes at the start of a file are enough to recognise it. */
export const HEAD_BYTES = 4096;

/** The header of an executable. */
export interface BinaryHeader {
  readonly format: 'mach-o' | 'elf' | 'pe';
  /** Several in a fat Mach-O. Without those that Tauri's updater does not support. */
  readonly archs: readonly Arch[];
}

/** `cputype` of `<mach/machine.h>`. */
const MACH_O: Readonly<Record<number, Arch>> = { 7: 'i686', 16777223: 'x86_64', 16777228: 'aarch64' };
/** `e_machine` of the ELF specification. */
const ELF: Readonly<Record<number, Arch>> = {
  3: 'i686',
  40: 'armv7',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
};
/** `Machine` of the PE format. */
const PE: Readonly<Record<number, Arch>> = {
  332: 'i686',
  452: 'armv7',
  34404: 'x86_64',
  43620: 'aarch64',
};

/** A Java class has the same magic as a fat Mach-O, and in place of the count its version, which is 45 or more. */
const MAX_FAT_ARCHS = 20;

/** Reads the header of an executable from its first bytes. */
export function parseBinaryHeader(head: Buffer): BinaryHeader | undefined {
  return parseMachO(head) ?? parseElf(head) ?? parsePe(head);
}

/** A Debian package is an `ar` archive. */
export function isAr(head: Buffer): boolean {
  return head.subarray(0, 8).toString('latin1') === '!<arch>\n';
}

/** The lead of an RPM package. */
export function isRpm(head: Buffer): boolean {
  return startsWith(head, [0xed, 0xab, 0xee, 0xdb]);
}

/** An MSI is an OLE compound file. */
export function isOle(head: Buffer): boolean {
  return startsWith(head, [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
}

function parseMachO(head: Buffer): BinaryHeader | undefined {
  if (head.length < 8) return undefined;
  const magic = head.readUInt32BE(0);
  if (magic === 0xcffa_edfe || magic === 0xcefa_edfe) return machO([head.readUInt32LE(4)]);
  const size = magic === 0xcafe_babe ? 20 : magic === 0xcafe_babf ? 32 : undefined; // of each `fat_arch`
  const count = head.readUInt32BE(4);
  if (size === undefined || count < 1 || count > MAX_FAT_ARCHS || head.length < 8 + count * size)
    return undefined;
  return machO(Array.from({ length: count }, (_, i) => head.readUInt32BE(8 + i * size)));
}

function machO(cpuTypes: readonly number[]): BinaryHeader {
  return {
    format: 'mach-o',
    archs: cpuTypes.map((type) => MACH_O[type]).filter((arch) => arch !== undefined),
  };
}

function parseElf(head: Buffer): BinaryHeader | undefined {
  if (head.length < 20 || !startsWith(head, [0x7f, 0x45, 0x4c, 0x46])) return undefined;
  const bigEndian = head[5] === 2;
  const arch = bigEndian ? undefined : ELF[head.readUInt16LE(18)];
  return { format: 'elf', archs: arch ? [arch] : [] };
}

function parsePe(head: Buffer): BinaryHeader | undefined {
  if (head.length < 64 || !startsWith(head, [0x4d, 0x5a])) return undefined;
  const offset = head.readUInt32LE(60);
  if (offset + 6 > head.length || head.readUInt32LE(offset) !== 0x0000_4550) return undefined;
  const arch = PE[head.readUInt16LE(offset + 4)];
  return { format: 'pe', archs: arch ? [arch] : [] };
}

function startsWith(head: Buffer, magic: readonly number[]): boolean {
  return magic.every((byte, i) => head[i] === byte);
}
