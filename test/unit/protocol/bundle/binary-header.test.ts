import { describe, expect, test } from 'vitest';
import { isAr, isOle, isRpm, parseBinaryHeader } from '../../../../src/protocol/bundle/binary-header.ts';
import type { Arch } from '../../../../src/protocol/platform.ts';
import { appImage, fatMachO, machO, msi, windowsProgram } from '../../../support/process/executables.ts';
import { debianPackage, rpmPackage } from '../../../support/tauri/packages.ts';

describe('the header of an executable', () => {
  test.each<[string, string, Buffer, Arch[]]>([
    ['of a Mac on Intel', 'mach-o', machO('x86_64'), ['x86_64']],
    ['of a Mac on Apple silicon', 'mach-o', machO('aarch64'), ['aarch64']],
    ['of a universal Mac app', 'mach-o', fatMachO(['x86_64', 'aarch64']), ['x86_64', 'aarch64']],
    ['of Linux on x86_64', 'elf', appImage('x86_64'), ['x86_64']],
    ['of Linux on i686', 'elf', appImage('i686'), ['i686']],
    ['of Linux on aarch64', 'elf', appImage('aarch64'), ['aarch64']],
    ['of Linux on armv7', 'elf', appImage('armv7'), ['armv7']],
    ['of Linux on riscv64', 'elf', appImage('riscv64'), ['riscv64']],
    ['of Windows on x86_64', 'pe', windowsProgram('x86_64'), ['x86_64']],
    ['of Windows on i686', 'pe', windowsProgram('i686'), ['i686']],
    ['of Windows on aarch64', 'pe', windowsProgram('aarch64'), ['aarch64']],
  ])('of %s gives its format and archs', (_, format, bytes, archs) => {
    expect(parseBinaryHeader(bytes)).toEqual({ format, archs });
  });

  test("of a CPU that Tauri's updater does not support gives its format only", () => {
    const powerPc = appImage('x86_64');
    powerPc.writeUInt16LE(21, 18);
    expect(parseBinaryHeader(powerPc)).toEqual({ format: 'elf', archs: [] });
  });

  const javaClass = Buffer.alloc(64);
  javaClass.writeUInt32BE(0xcafe_babe, 0);
  javaClass.writeUInt32BE(52, 4);

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('#!/bin/sh\nexec true\n')],
    ['a Java class, with the magic number of a fat Mach-O', javaClass],
    ['a fat Mach-O that is cut off in its table', fatMachO(['x86_64', 'aarch64']).subarray(0, 40)],
    ['an ELF that is cut off', appImage('x86_64').subarray(0, 18)],
    ['a DOS program', windowsProgram('x86_64').fill(0, 128)],
    ['a Windows program that is cut off', windowsProgram('x86_64').subarray(0, 130)],
    ['a Mach-O that is cut off', machO('x86_64').subarray(0, 6)],
  ])('is not found in %s', (_, bytes) => {
    expect(parseBinaryHeader(bytes)).toBeUndefined();
  });
});

describe('the magic number', () => {
  const files = { ar: debianPackage(), rpm: rpmPackage(), ole: msi(), elf: appImage('x86_64') };

  test.each([
    ['ar', isAr],
    ['rpm', isRpm],
    ['ole', isOle],
  ] as const)('of %s is recognised, and no other', (name, is) => {
    expect(Object.entries(files).filter(([, bytes]) => is(bytes))).toEqual([[name, files[name]]]);
    expect(is(files[name].subarray(0, 3))).toBe(false);
  });
});
