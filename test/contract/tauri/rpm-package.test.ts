import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readRpmPackage } from '../../../src/tauri/format/rpm-package.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { rpmPackage } from '../../support/tauri/packages.ts';

const run = promisify(execFile);

async function read(bytes: Buffer) {
  const file = join(await tempFolder(), 'app.rpm');
  await writeFile(file, bytes);
  return readRpmPackage(file);
}

/** Of numbers in a header; the version is the third entry of the index. */
const PLACES = { magic: 0, entries: 8, 'data size': 12, 'version at': 16 + 2 * 16 + 8 } as const;

/** With a number of its second header, which begins where the signatures end, replaced. */
function spoiled(field: keyof typeof PLACES, value: number): Buffer {
  const bytes = rpmPackage();
  const magic = Buffer.from([0x8e, 0xad, 0xe8, 0x01]);
  const at = bytes.indexOf(magic, bytes.indexOf(magic) + 1);
  bytes.writeUInt32BE(value, at + PLACES[field]);
  return bytes;
}

describe('the header of an RPM package', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is read when the signatures have %i more bytes, and so another padding',
    async (more) => {
      const data = { name: 'note-taker', version: '1.2.0-rc.1+7', arch: 'armhfp' };
      expect(await read(rpmPackage(data, more))).toEqual(data);
    },
  );

  test.each<[string, Buffer, RegExp]>([
    ['cut off in its lead', rpmPackage().subarray(0, 60), /^unexpected end of file$/],
    ['cut off in its signatures', rpmPackage().subarray(0, 120), /^unexpected end of file$/],
    ['cut off in its header', rpmPackage().subarray(0, 500), /^unexpected end of file$/],
    ['without a header after its signatures', spoiled('magic', 0), /^its header is damaged$/],
    ['with more entries than rpm accepts', spoiled('entries', 0x10000), /^its header is damaged$/],
    ['with more data than rpm accepts', spoiled('data size', 0x1000_0000), /^its header is damaged$/],
    ['with a version outside of its data', spoiled('version at', 0x0100_0000), /^its header has no version$/],
    ['without a name', rpmPackage({ name: '' }), /^its header has no name$/],
  ])('%s is refused', async (_, bytes, words) => {
    await expect(read(bytes)).rejects.toThrow(words);
  });

  describe.skipIf(!isInstalled('rpmbuild'))('of rpmbuild (needs it)', () => {
    test.each(['gzdio', 'zstdio', 'xzdio'])('is read when the files are packed with %s', async (payload) => {
      const folder = await tempFolder();
      const about = 'Name: note-taker\nVersion: 1.2.0~beta.1\nRelease: 3\nSummary: s\nLicense: MIT\n';
      await writeFile(join(folder, 'app.spec'), `${about}%description\nd\n%files\n`);
      const defines = ['--define', `_topdir ${folder}`, '--define', `_binary_payload w1.${payload}`];
      await run('rpmbuild', ['-bb', ...defines, '--target', 'aarch64-linux', join(folder, 'app.spec')]);
      const [name = ''] = await readdir(join(folder, 'RPMS/aarch64'));
      expect(await readRpmPackage(join(folder, 'RPMS/aarch64', name))).toEqual({
        name: 'note-taker',
        version: '1.2.0~beta.1',
        arch: 'aarch64',
      });
    });

    test('made by these tests is read by rpm in the same way', async () => {
      const file = join(await tempFolder(), 'app.rpm');
      await writeFile(file, rpmPackage());
      const { stdout } = await run('rpm', ['-qp', '--queryformat', '%{NAME} %{VERSION} %{ARCH}', file]);
      expect(stdout).toBe('note-taker 1.2.0 x86_64');
    });
  });
});
