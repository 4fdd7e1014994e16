import { describe, expect, test } from 'vitest';
import { parseArchWord, parseTriple } from '../../../../src/protocol/bundle/arch-words.ts';

describe('a word for an arch', () => {
  test.each([
    ['amd64', 'x86_64'],
    ['x64', 'x86_64'],
    ['x86_64', 'x86_64'],
    ['i386', 'i686'],
    ['x86', 'i686'],
    ['arm64', 'aarch64'],
    ['aarch64', 'aarch64'],
    ['armhf', 'armv7'],
    ['armhfp', 'armv7'],
    ['armel', 'armv7'],
    ['riscv64', 'riscv64'],
  ])('%s is %s', (word, arch) => {
    expect(parseArchWord(word)).toBe(arch);
  });

  test.each(['universal', 'all', 'x6', 'X64', ''])('is not "%s"', (word) => {
    expect(parseArchWord(word)).toBeUndefined();
  });
});

describe('a target triple', () => {
  test.each([
    ['x86_64-unknown-linux-gnu', 'linux', ['x86_64']],
    ['aarch64-unknown-linux-musl', 'linux', ['aarch64']],
    ['armv7-unknown-linux-gnueabihf', 'linux', ['armv7']],
    ['riscv64gc-unknown-linux-gnu', 'linux', ['riscv64']],
    ['x86_64-pc-windows-msvc', 'windows', ['x86_64']],
    ['i686-pc-windows-msvc', 'windows', ['i686']],
    ['aarch64-pc-windows-msvc', 'windows', ['aarch64']],
    ['x86_64-apple-darwin', 'darwin', ['x86_64']],
    ['aarch64-apple-darwin', 'darwin', ['aarch64']],
    ['universal-apple-darwin', 'darwin', ['x86_64', 'aarch64']],
  ])('%s is for %s', (triple, target, archs) => {
    expect(parseTriple(triple)).toEqual({ target, archs });
  });

  test.each([
    'aarch64-linux-android',
    'aarch64-apple-ios',
    'wasm32-unknown-unknown',
    'powerpc64le-unknown-linux-gnu',
    'universal-pc-windows-msvc',
    'release',
    '',
  ])('is not supported by Tauri\'s updater in "%s"', (triple) => {
    expect(parseTriple(triple)).toBeUndefined();
  });
});
