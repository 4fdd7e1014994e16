import { randomBytes } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HEAD_BYTES } from '../../../../src/protocol/bundle/binary-header.ts';
import { readPackedApp, readPackedAppImage, readZip } from '../../../../src/tauri/format/archive-header.ts';
import { appImage, fatMachO, machO } from '../../../support/process/executables.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { writeTarGz, zip } from '../../../support/tauri/archives.ts';

const PLIST = `<plist><dict>
<key>CFBundleExecutable</key><string>my &amp; app</string>
<key>CFBundleShortVersionString</key>
<string>1.2.0</string>
</dict></plist>`;

async function packed(entries: Record<string, Buffer | string>): Promise<string> {
  const file = join(await tempFolder(), 'App.app.tar.gz');
  await writeTarGz(file, entries);
  return file;
}

describe('a packed macOS app', () => {
  const executable = { 'App.app/Contents/MacOS/my & app': machO('aarch64') };
  const sidecar = { 'App.app/Contents/MacOS/a-sidecar': machO('x86_64') };
  const plist = { 'App.app/Contents/Info.plist': PLIST };
  const header = { format: 'mach-o', archs: ['aarch64'] };

  test.each<[string, Record<string, Buffer | string>]>([
    ['before its executable', { ...plist, ...sidecar, ...executable }],
    ['after its executable', { ...executable, ...sidecar, ...plist }],
    ['between executables', { ...sidecar, ...plist, ...executable }],
  ])('is read if its Info.plist comes %s', async (_, entries) => {
    expect(await readPackedApp(await packed(entries))).toEqual({ name: 'App', header, version: '1.2.0' });
  });

  test('may be universal', async () => {
    const app = await packed({
      ...plist,
      'App.app/Contents/MacOS/my & app': fatMachO(['x86_64', 'aarch64']),
    });
    expect((await readPackedApp(app)).header?.archs).toEqual(['x86_64', 'aarch64']);
  });

  test('without an Info.plist has its only executable, and no version', async () => {
    expect(await readPackedApp(await packed(executable))).toEqual({
      name: 'App',
      header,
      version: undefined,
    });
  });

  test('with several executables and none named in an Info.plist has no header', async () => {
    expect(await readPackedApp(await packed({ ...executable, ...sidecar }))).toEqual({
      name: 'App',
      header: undefined,
      version: undefined,
    });
  });

  test('does not confuse the executable of a helper app inside with its own', async () => {
    const helper = { 'App.app/Contents/Frameworks/H.app/Contents/MacOS/H': machO('x86_64') };
    expect((await readPackedApp(await packed({ ...helper, ...executable }))).header).toEqual(header);
  });

  test('is not read further than its executable', async () => {
    const big = { 'App.app/Contents/Resources/z': randomBytes(2_000_000) };
    const file = await packed({ ...plist, ...executable, ...big });
    await truncate(file, 1_000_000);
    expect(await readPackedApp(file)).toEqual({ name: 'App', header, version: '1.2.0' });
  });

  test.each<[string, (file: string) => Promise<unknown>, RegExp]>([
    ['is cut off', (file) => truncate(file, 150), /unexpected end of file/],
    ['is not an archive', (file) => writeFile(file, 'not found'), /unrecognized archive/i],
    ['is empty', (file) => truncate(file, 0), /unrecognized archive/i],
    ['is broken inside', async (file) => writeFile(file, (await readFile(file)).fill(7, 40, 120)), /invalid/],
  ])('that %s is refused', async (_, spoil, words) => {
    const file = await packed({ ...executable, ...sidecar });
    await spoil(file);
    await expect(readPackedApp(file)).rejects.toThrow(words);
  });

  test('that does not exist is refused', async () => {
    await expect(readPackedApp('/nowhere/App.app.tar.gz')).rejects.toThrow(/ENOENT/);
  });
});

describe('a packed AppImage', () => {
  test('has the header of its program', async () => {
    const file = await packed({ 'App_1.2.0_amd64.AppImage': appImage('x86_64') });
    expect(await readPackedAppImage(file)).toEqual({ format: 'elf', archs: ['x86_64'] });
  });

  test('has no header when there is no AppImage inside', async () => {
    expect(await readPackedAppImage(await packed({ 'readme.txt': 'hello' }))).toBeUndefined();
  });
});

describe('a zip', () => {
  async function packedAs(bytes: Buffer | string): Promise<string> {
    const file = join(await tempFolder(), 'a.zip');
    await writeFile(file, bytes);
    return file;
  }

  test.each(['stored', 'deflated'] as const)(
    'of %s files is listed, with the requested heads',
    async (as) => {
      const big = randomBytes(200_000);
      const files = { 'b-setup.exe': big, 'c/d.txt': Buffer.from('d'), 'short.exe': Buffer.from('MZ') };
      const entries = await readZip(await packedAs(zip(files, as)), (name) => name.endsWith('.exe'));
      expect(entries).toEqual([
        { name: 'b-setup.exe', head: big.subarray(0, HEAD_BYTES) },
        { name: 'c/d.txt' },
        { name: 'short.exe', head: Buffer.from('MZ') },
      ]);
    },
  );

  test('is not read further than the heads', async () => {
    const text = Buffer.from(Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join(''));
    const bytes = zip({ 'a.exe': text }, 'deflated');
    bytes.fill(0xff, bytes.length - 400, bytes.length - 200); // the end of what is packed
    expect(await readZip(await packedAs(bytes), () => true)).toEqual([
      { name: 'a.exe', head: text.subarray(0, HEAD_BYTES) },
    ]);
  });

  test('with a damaged entry that is selected is refused', async () => {
    const bytes = zip({ 'a.exe': randomBytes(1000) }, 'deflated').fill(0xff, 35, 60);
    await expect(readZip(await packedAs(bytes), () => true)).rejects.toThrow(/invalid/);
    expect(await readZip(await packedAs(bytes), () => false)).toEqual([{ name: 'a.exe' }]);
  });

  test('that is not a zip is refused', async () => {
    const file = await packedAs('not a zip at all, by any measure');
    await expect(readZip(file, () => true)).rejects.toThrow(/end of central directory/i);
  });
});
