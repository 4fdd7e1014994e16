import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readNotes, readVersion } from '../../../../src/cli/options/release-options.ts';
import type { NotesOptions } from '../../../../src/cli/options/shared-options.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

describe('--version', () => {
  test.each([
    ['1.2.0', '1.2.0'],
    ['v1.2.0', '1.2.0'],
    ['1.2.0-rc.1+b', '1.2.0-rc.1+b'],
    ['refs/tags/app-v1.2.0-beta.1\n', '1.2.0-beta.1'],
  ])('%s is %s', (text, version) => {
    expect(collectProblems((problems) => readVersion(text, problems))).toEqual({ value: version, found: '' });
  });

  test.each([
    [undefined, 'no version given: pass --version X.Y.Z'],
    ['', 'no version given'],
    ['1.2', '--version 1.2 is not strict semver (X.Y.Z): did you mean 1.2.0?'],
    ['v1', 'did you mean 1.0.0?'],
    ['01.2.0', 'is not strict semver'],
    ['vv1.2.0', 'is not strict semver'],
    ['latest', '--version latest is not strict semver (X.Y.Z)'],
    [`1.2.0-${'a'.repeat(60)}`, 'is longer than 64 characters'],
    [
      '18446744073709551616.0.0',
      "has a number above 18446744073709551615, which Tauri's updater cannot read",
    ],
  ])('%j is rejected', (text, words) => {
    expect(collectProblems((problems) => readVersion(text, problems)).found).toContain(words);
  });
});

describe('the notes', () => {
  async function read(options: NotesOptions, content?: string | Buffer) {
    const notesFile = join(await tempFolder(), 'notes.md');
    if (content !== undefined) await writeFile(notesFile, content);
    const given = content === undefined ? options : { ...options, notesFile };
    return collectProblems((problems) => readNotes(given, problems));
  }

  test.each([
    ['are left out if none are given', {}, undefined, undefined],
    ['are the text', { notes: 'Fixes – all of them.' }, undefined, 'Fixes – all of them.'],
    ['count as not given if they are empty', { notes: ' ' }, undefined, undefined],
    ['may be empty in a file', {}, '', ''],
    ['come from a file, without BOM and line end', {}, '\ufeff# New\n\n- thing\n\n', '# New\n\n- thing'],
  ])('%s', async (_, options, content, expected) => {
    const { value, found } = await read(options, content);
    expect({ text: value?.text, found }).toEqual({ text: expected, found: '' });
  });

  test('field 6: know where they come from', async () => {
    expect((await read({ notes: 'Fixes.' })).value?.source).toBe('--notes');
    expect((await read({}, 'Fixes.')).value?.source).toMatch(/^--notes-file .*notes\.md$/);
  });

  test('field 6: of PowerShell, in UTF-16, are decoded', async () => {
    const content = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('Größer 🚀\r\n', 'utf16le')]);
    expect((await read({}, content)).value?.text).toBe('Größer 🚀');
  });

  test.each([
    ['Windows-1252', Buffer.from('\u00c4nderungen', 'latin1'), 'byte 0xC4 at offset 0; save it as UTF-8'],
    [
      'UTF-16 without a byte order mark',
      Buffer.from('Fixes.', 'utf16le'),
      'UTF-16 without a byte order mark',
    ],
  ])('field 6: in %s are refused', async (_, content, words) => {
    expect((await read({}, content)).found).toContain(words);
  });

  test.each([
    ['a flag and a file at once', { notes: 'a' }, 'b', '--notes and --notes-file cannot be used together'],
    ['a file that is not there', { notesFile: '/nowhere/notes' }, undefined, 'does not exist'],
    ['NUL', { notes: 'a\0b' }, undefined, 'NUL or half of a surrogate pair'],
    ['half of a surrogate pair', { notes: 'a\ud800b' }, undefined, 'NUL or half of a surrogate pair'],
  ])('with %s are rejected', async (_, options, content, words) => {
    expect((await read(options, content)).found).toContain(words);
  });
});
