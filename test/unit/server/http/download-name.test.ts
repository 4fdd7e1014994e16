import { describe, expect, test } from 'vitest';
import { type Platform, parsePlatform } from '../../../../src/protocol/platform.ts';
import { downloadName, uploadedName } from '../../../../src/server/http/download-name.ts';

const platform = (name: string): Platform => {
  const parsed = parsePlatform(name);
  if (parsed === undefined) throw new Error(name);
  return parsed;
};

/** As Tauri's signer writes it; only its trusted comment is read here. */
const signatureOf = (file: string) =>
  Buffer.from(
    [
      'untrusted comment: signature from tauri secret key',
      Buffer.concat([Buffer.from('ED'), Buffer.alloc(72)]).toString('base64'),
      `trusted comment: timestamp:1\tfile:${file}`,
      Buffer.alloc(64).toString('base64'),
    ].join('\n'),
  ).toString('base64');

const NO_NAMES = { given: null, signature: null, releaseSignature: null };

describe('field 13: the name of a download', () => {
  test.each([
    ['windows-x86_64-nsis', 'my-app-1.2.0-windows-x86_64-nsis-setup.exe'],
    ['windows-x86_64-msi', 'my-app-1.2.0-windows-x86_64-msi.msi'],
    ['darwin-aarch64', 'my-app-1.2.0-darwin-aarch64.app.tar.gz'],
    ['darwin-aarch64-app', 'my-app-1.2.0-darwin-aarch64-app.app.tar.gz'],
    ['linux-x86_64-appimage', 'my-app-1.2.0-linux-x86_64-appimage.AppImage'],
    ['linux-x86_64-deb', 'my-app-1.2.0-linux-x86_64-deb.deb'],
    ['linux-x86_64-rpm', 'my-app-1.2.0-linux-x86_64-rpm.rpm'],
    ['linux-x86_64', 'my-app-1.2.0-linux-x86_64'], // AppImage, deb or rpm: nothing says which
  ])('has the extension of %s where the file’s own is unknown', (name, expected) => {
    const file = { ...platform(name), slug: 'my-app', version: '1.2.0', fileName: null };
    expect(downloadName(file)).toBe(expected);
  });

  test.each([
    ['what the uploader says', { given: 'MyApp_1.2.0_x64-setup.exe' }, 'MyApp_1.2.0_x64-setup.exe'],
    [
      'what its signature says',
      { signature: signatureOf('MyApp_1.2.0_x64-setup.exe') },
      'MyApp_1.2.0_x64-setup.exe',
    ],
    [
      'what the uploader says, rather than the signature',
      { given: 'Other-setup.exe', signature: signatureOf('MyApp-setup.exe') },
      'Other-setup.exe',
    ],
    [
      'the signature, where the other is of no installer',
      { given: 'artifact', signature: signatureOf('A.exe') },
      'A.exe',
    ],
    ['the release’s signature', { releaseSignature: signatureOf('MyApp-setup.exe') }, 'MyApp-setup.exe'],
    [
      'nothing, where that is another platform’s',
      { releaseSignature: signatureOf('MyApp.app.tar.gz') },
      null,
    ],
    ['nothing, where no name is one of the kind', { given: 'readme.txt', signature: 'opaque' }, null],
    ['an archive of version 1', { given: 'MyApp_x64-setup.nsis.zip' }, 'MyApp_x64-setup.nsis.zip'],
  ])('is %s', (_, sources, expected) => {
    expect(uploadedName(platform('windows-x86_64-nsis'), { ...NO_NAMES, ...sources })).toBe(expected);
  });

  test('may end in anything where no bundle type says what it is', () => {
    expect(uploadedName(platform('linux-x86_64'), { ...NO_NAMES, given: 'game.bin' })).toBe('game.bin');
    expect(
      uploadedName(platform('linux-x86_64'), { ...NO_NAMES, releaseSignature: signatureOf('a.exe') }),
    ).toBeNull();
  });
});
