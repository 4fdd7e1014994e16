import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readProjectNotes } from '../../../../src/cli/project/project-notes.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

async function notesWith(files: Readonly<Record<string, string | Buffer>>, version = '1.2.0') {
  const project = await tempFolder();
  const tauriFolder = join(project, 'src-tauri');
  await mkdir(tauriFolder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(project, name), content);
  return readProjectNotes({
    project,
    tauriFolder,
    productName: 'Note Taker',
    slugs: { value: ['notes'] },
    version,
  });
}

describe("field 6: a project's notes", () => {
  test('come from the nearest changelog that has the version, with their source', async () => {
    const { notes, warnings } = await notesWith({
      'CHANGELOG.md': '## 1.1.0\n- old\n',
      'HISTORY.md': '## 1.2.0\n- good\n',
    });
    expect(notes).toMatchObject({ text: '- good', source: expect.stringContaining('HISTORY.md') });
    expect(warnings).toEqual([]);
  });

  test.each([
    [
      'no such section',
      '## Unreleased\n\n## 1.1.0\n- a\n\n## 1.0.0\n- b\n',
      ['CHANGELOG.md', '1.2.0', '1.1.0, 1.0.0'],
    ],
    ['an empty section', '## 1.2.0\n\n## 1.1.0\n- a\n', ['CHANGELOG.md', '1.2.0', 'empty']],
    ['sections of other packages', '## api@1.2.0\n- a\n\n## web@1.2.0\n- b\n', ['CHANGELOG.md', 'api@1.2.0']],
    ['no section at all', 'Nothing yet.\n', ['CHANGELOG.md']],
  ])('are missing with a warning if a changelog has %s', async (_, content, words) => {
    const { notes, warnings } = await notesWith({ 'CHANGELOG.md': content });
    expect(notes).toBeUndefined();
    expect(warnings).toHaveLength(1);
    for (const word of words) expect(warnings[0]).toContain(word);
  });

  test.each([
    ['there is no changelog', {}],
    ['a file is called like one', { 'HISTORY.md': '# How it began\n\nIn a garage.\n' }],
  ])('are missing without a warning if %s', async (_, files) => {
    expect(await notesWith(files)).toEqual({ notes: undefined, warnings: [] });
  });

  test.each([
    ['package.json', { 'package.json': '{"name": "@scope/desktop"}' }],
    ['Cargo.toml', { 'src-tauri/Cargo.toml': '[package]\nname = "desktop"\n' }],
  ])('belong to the package that %s names', async (_, files) => {
    const changelog = '## api@1.2.0\n- api\n\n## desktop@1.2.0\n- mine\n';
    expect((await notesWith({ ...files, 'CHANGELOG.md': changelog })).notes?.text).toBe('- mine');
  });

  test('are refused if the changelog is in another encoding', async () => {
    const content = Buffer.from('## 1.2.0\n- gr\u00f6\u00dfer\n', 'latin1');
    await expect(notesWith({ 'CHANGELOG.md': content })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('0xF6 at offset 13'),
    });
  });

  test('are read from a changelog in UTF-16', async () => {
    const content = Buffer.concat([
      Buffer.from([0xff, 0xfe]),
      Buffer.from('## 1.2.0\r\n- größer\r\n', 'utf16le'),
    ]);
    expect((await notesWith({ 'CHANGELOG.md': content })).notes?.text).toBe('- größer');
  });
});
