import { describe, expect, test } from 'vitest';
import { safeFileName } from '../../../src/runtime/safe-file-name.ts';

describe('the name of a download', () => {
  test.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\App.exe', 'App.exe'],
    ['dir/', ''],
    ['..', ''],
    ['.', ''],
    [' . ', ''],
    ['a\r\nSet-Cookie: x=1', 'a__Set-Cookie_ x=1'],
    ['na"me;.exe', 'na_me;.exe'],
    ['evil\u202Efdp.exe', 'evil_fdp.exe'],
    ['App\u0000.exe', 'App_.exe'],
    ['.hidden', 'hidden'],
    ['name. ', 'name'],
    ['Größe 日本.exe', 'Größe 日本.exe'],
    ['My App (1).exe', 'My App (1).exe'],
  ])('of %j is made safe', (name, expected) => {
    expect(safeFileName(name)).toBe(expected);
  });

  test.each([
    ['CON', '_CON'],
    ['nul.exe', '_nul.exe'],
    ['Aux .txt', '_Aux .txt'],
    ['com1.tar.gz', '_com1.tar.gz'],
    ['LPT³', '_LPT³'],
    [' CON..', '_CON'],
    ['CONIN$', '_CONIN$'],
    ['console.exe', 'console.exe'],
    ['com10.exe', 'com10.exe'],
    ['a\ud800b.exe', 'a_b.exe'],
    ['\u2066App\u2069.exe', '_App_.exe'],
    ['a\u2028b\u0085c', 'a_b_c'],
    ['..\\..', ''],
    ['App...   ', 'App'],
  ])('field 13: of %j is one that Windows can save too', (name, expected) => {
    expect(safeFileName(name)).toBe(expected);
  });

  test('field 13: that is cut does not end in a dot', () => {
    expect(safeFileName(`${'a'.repeat(199)}.${'1'.repeat(99)}`)).toBe('a'.repeat(199));
  });

  test('is at most 200 bytes long, and keeps its extension', () => {
    const long = safeFileName(`${'ö'.repeat(300)}.AppImage.tar.gz`);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(200);
    expect(long).toMatch(/ö\.AppImage\.tar\.gz$/);
    expect(Buffer.byteLength(safeFileName('😀'.repeat(300)))).toBe(200);
  });
});
