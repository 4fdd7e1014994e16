import { describe, expect, test } from 'vitest';
import { contentDisposition, urlFileName } from '../../../src/storage/content-disposition.ts';

describe('field 13: the header that names a download', () => {
  test.each([
    ['MyApp_1.2.0_x64-setup.exe', 'attachment; filename="MyApp_1.2.0_x64-setup.exe"'],
    ['My App (1)+2.exe', 'attachment; filename="My App (1)+2.exe"'],
    ['Größe.exe', `attachment; filename="Gro_e.exe"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.exe`],
    [
      "日本'(1)*.exe",
      `attachment; filename="__'(1)_.exe"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%27%281%29_.exe`,
    ],
    ['100%.exe', `attachment; filename="100_.exe"; filename*=UTF-8''100%25.exe`],
    ['a"b;c.exe', 'attachment; filename="a_b;c.exe"'],
    ['a\r\nb', 'attachment; filename="a__b"'],
    ['../a\\b.exe', 'attachment; filename="b.exe"'],
    ['..', 'attachment; filename="download"'],
    ['', 'attachment; filename="download"'],
    ['CON.exe', 'attachment; filename="_CON.exe"'],
    ['App.exe. ', 'attachment; filename="App.exe"'],
    ['gpj\u202Eexe.x', 'attachment; filename="gpj_exe.x"'],
    ['a\ud800.exe', 'attachment; filename="a_.exe"'],
    // What becomes dots, slashes, quotes or a device where it is written in ASCII.
    ['．．／a', `attachment; filename="_a"; filename*=UTF-8''%EF%BC%8E%EF%BC%8E%EF%BC%8Fa`],
    ['．．', `attachment; filename="download"; filename*=UTF-8''%EF%BC%8E%EF%BC%8E`],
    ['ＣＯＮ', `attachment; filename="_CON"; filename*=UTF-8''%EF%BC%A3%EF%BC%AF%EF%BC%AE`],
    ['a＂b', `attachment; filename="a_b"; filename*=UTF-8''a%EF%BC%82b`],
  ])('of %j', (name, expected) => {
    expect(contentDisposition(name)).toBe(expected);
  });

  test.each([
    ['MyApp_1.2.0_x64-setup.exe', 'MyApp_1.2.0_x64-setup.exe'],
    ['my-app-1.2.0+5-linux', 'my-app-1.2.0_5-linux'],
    ['Größe 日本 (1).exe', 'Gro_e____1_.exe'],
    ["a'b~!*;,@&=$.exe", 'a_b___.exe'],
    ['..', 'download'],
    ['．．', 'download'],
    ['a／..', 'a_'],
    ['日本', '__'],
    ['', 'download'],
  ])('%j ends a URL in what no proxy writes in another way', (name, expected) => {
    expect(urlFileName(name)).toBe(expected);
    expect(encodeURIComponent(expected)).toBe(expected);
  });

  test('is short for a name of any length', () => {
    const name = `${'日'.repeat(5000)}.exe`;
    expect(contentDisposition(name)).toMatch(
      /^attachment; filename="_+\.exe"; filename\*=UTF-8''[%\dA-F]+\.exe$/,
    );
    expect(contentDisposition(name).length).toBeLessThan(1000);
    expect(urlFileName(name).length).toBeLessThan(256);
  });
});
