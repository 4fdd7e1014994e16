import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readDebianPackage } from '../../../src/tauri/format/debian-package.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { tarGz } from '../../support/tauri/archives.ts';
import { ar, debianPackage } from '../../support/tauri/packages.ts';

const run = promisify(execFile);

async function read(bytes: Buffer) {
  const file = join(await tempFolder(), 'app.deb');
  await writeFile(file, bytes);
  return readDebianPackage(file);
}

const CONTROL = 'Package: note-taker\nVersion: 1.2.0\nArchitecture: amd64\n';
const FOUND = { name: 'note-taker', version: '1.2.0', arch: 'amd64' };

describe('the control data of a Debian package', () => {
  test('is read as tauri-bundler writes it', async () => {
    expect(await read(debianPackage({ name: 'a-b', version: '1.2.0-rc.1+7', arch: 'armhf' }))).toEqual({
      name: 'a-b',
      version: '1.2.0-rc.1+7',
      arch: 'armhf',
    });
  });

  test.each<[string, Record<string, Buffer | string>]>([
    ['with a name as GNU ar writes it', { 'control.tar.gz/': tarGz({ control: CONTROL }) }],
    ['after a member of an odd length', { a: 'b', 'control.tar.gz': tarGz({ control: CONTROL }) }],
    [
      'behind a large file',
      { 'control.tar.gz': tarGz({ md5sums: 'x'.repeat(3_000_000), control: CONTROL }) },
    ],
    [
      'with its fields in other words and order',
      {
        'control.tar.gz': tarGz({
          control:
            'architecture:amd64 \r\nDescription: x\n Version: 9.9.9\nVERSION:\t1.2.0\nPackage: note-taker\n',
        }),
      },
    ],
  ])('is read %s', async (_, members) => {
    expect(await read(ar({ 'debian-binary': '2.0\n', ...members }))).toEqual(FOUND);
  });

  test.each<[string, Buffer, RegExp]>([
    ['without control data', ar({ 'debian-binary': '2.0\n' }), /^it has no control data$/],
    ['without a control file', ar({ 'control.tar.gz': tarGz({ postinst: '' }) }), /has no Package$/],
    [
      'without a field',
      ar({ 'control.tar.gz': tarGz({ control: CONTROL.replace('Arch', 'X-Arch') }) }),
      /^its control data has no Architecture$/,
    ],
    ['cut off in a header', debianPackage().subarray(0, 100), /^unexpected end of file$/],
    ['cut off in its control data', debianPackage().subarray(0, 200), /unexpected end of file/],
    ['with text for members', Buffer.from(`!<arch>\n${'x'.repeat(80)}`), /^a member header is damaged$/],
  ])('%s is refused', async (_, bytes, words) => {
    await expect(read(bytes)).rejects.toThrow(words);
  });

  describe.skipIf(!isInstalled('dpkg-deb'))('of dpkg-deb (needs it)', () => {
    test.each([
      ['gzip', FOUND],
      ['none', FOUND],
      ['xz', undefined],
      ['zstd', undefined],
    ])('packed with %s gives %j', async (compression, expected) => {
      const folder = await tempFolder();
      await mkdir(join(folder, 'app/DEBIAN'), { recursive: true });
      await writeFile(
        join(folder, 'app/DEBIAN/control'),
        `${CONTROL}Maintainer: Nobody <nobody@example.com>\nDescription: Takes notes\n`,
      );
      await run('dpkg-deb', [`-Z${compression}`, '--uniform-compression', '--build', 'app'], { cwd: folder });
      expect(await readDebianPackage(join(folder, 'app.deb'))).toEqual(expected);
    });

    test("made like tauri-bundler's is read in the same way by dpkg-deb", async () => {
      const file = join(await tempFolder(), 'app.deb');
      await writeFile(file, debianPackage());
      const { stdout } = await run('dpkg-deb', ['--field', file, 'Package', 'Version', 'Architecture']);
      expect(stdout).toBe(CONTROL);
    });
  });
});
