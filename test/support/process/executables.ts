import type { Arch } from '../../../src/protocol/platform.ts';

/** `cputype` of Mach-O, `e_machine` of ELF and `Machine` of PE, as in the formats' own documents. */
const MACHINES: Readonly<Record<Arch, { machO?: number; elf: number; pe?: number }>> = {
  x86_64: { machO: 0x0100_0007, elf: 62, pe: 0x8664 },
  aarch64: { machO: 0x0100_000c, elf: 183, pe: 0xaa64 },
  i686: { machO: 7, elf: 3, pe: 0x014c },
  armv7: { elf: 40, pe: 0x01c4 },
  riscv64: { elf: 243 },
};

/** A Mach-O executable without load commands: what the kernel reads first. */
export function machO(arch: Arch): Buffer {
  const header = Buffer.alloc(32);
  header.writeUInt32LE(0xfeed_facf, 0); // MH_MAGIC_64
  header.writeUInt32LE(MACHINES[arch].machO ?? 0, 4);
  header.writeUInt32LE(2, 12); // MH_EXECUTE
  return header;
}

/** A fat Mach-O, as `lipo` makes it: a table, then each arch's own file on a page of its own. */
export function fatMachO(archs: readonly Arch[]): Buffer {
  const page = 4096;
  const file = Buffer.alloc(page * (archs.length + 1));
  file.writeUInt32BE(0xcafe_babe, 0); // FAT_MAGIC
  file.writeUInt32BE(archs.length, 4);
  for (const [i, arch] of archs.entries()) {
    const slice = machO(arch);
    const offset = page * (i + 1);
    [MACHINES[arch].machO ?? 0, 0, offset, slice.length, 12].forEach((value, field) => {
      file.writeUInt32BE(value, 8 + 20 * i + 4 * field);
    });
    slice.copy(file, offset);
  }
  return file;
}

/** An ELF executable's header, with the mark of an AppImage of type 2. */
export function appImage(arch: Arch): Buffer {
  const header = Buffer.alloc(64);
  const is64 = arch !== 'i686' && arch !== 'armv7';
  header.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1, 0, 0x41, 0x49, 0x02]);
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(MACHINES[arch].elf, 18);
  header.writeUInt32LE(1, 20);
  return header;
}

/** A Windows program's headers: the DOS stub, then COFF. */
export function windowsProgram(arch: Arch): Buffer {
  const header = Buffer.alloc(256);
  header.write('MZ', 0, 'latin1');
  header.writeUInt32LE(128, 60); // e_lfanew
  header.write('PE\0\0', 128, 'latin1');
  header.writeUInt16LE(MACHINES[arch].pe ?? 0, 132);
  header.writeUInt16LE(0x0102, 150); // IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_32BIT_MACHINE
  return header;
}

/** The header of an OLE compound file, which an MSI is. */
export function msi(): Buffer {
  const header = Buffer.alloc(512);
  header.set([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
  header.writeUInt16LE(0x3e, 24); // minor version
  header.writeUInt16LE(3, 26); // major version
  header.writeUInt16LE(0xfffe, 28); // byte order
  return header;
}
