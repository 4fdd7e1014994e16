import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkOverlayFile, writeOverlayFile } from '../../../../src/cli/dev/overlay-file.ts';
import { OptionErrors } from '../../../../src/cli/options/option-errors.ts';
import { generateSigningKeyPair } from '../../../../src/protocol/minisign-signer.ts';
import { devOverlay, formatOverlay } from '../../../../src/tauri/project/dev-overlay.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const overlay = () =>
  formatOverlay(devOverlay('http://127.0.0.1:4680', 'my-app', generateSigningKeyPair().publicKey));

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

describe('checkOverlayFile', () => {
  const check = (file: string) => () => {
    const problems = new OptionErrors();
    checkOverlayFile(file, problems);
    problems.throwIfAny();
  };

  test('allows a new file, and one that an earlier run left behind', async () => {
    const file = join(await tempFolder(), 'overlay.json');
    expect(check(file)).not.toThrow();
    await writeFile(file, overlay());
    expect(check(file)).not.toThrow();
  });

  test('rejects a file that something else wrote', async () => {
    const file = join(await tempFolder(), 'tauri.conf.json');
    await writeFile(file, '{"productName":"App"}');
    expect(check(file)).toThrow(`--overlay ${file} already exists`);
    expect(check(await tempFolder())).toThrow('already exists');
  });

  test('rejects a file in a missing folder', async () => {
    const file = join(await tempFolder(), 'missing/overlay.json');
    expect(check(file)).toThrow(`--overlay ${file} is in a folder that does not exist`);
  });
});

describe('writeOverlayFile', () => {
  test('writes the file, and removes it again', async () => {
    const file = join(await tempFolder(), 'overlay.json');
    const text = overlay();
    const remove = writeOverlayFile(file, text);
    expect(await readFile(file, 'utf8')).toBe(text);
    remove();
    expect(await isThere(file)).toBe(false);
  });

  test('does not remove a file that was changed or replaced since', async () => {
    const file = join(await tempFolder(), 'overlay.json');
    const remove = writeOverlayFile(file, overlay());
    const others = overlay();
    await writeFile(file, others);
    remove();
    expect(await readFile(file, 'utf8')).toBe(others);
  });

  test('does nothing if the file is already gone', async () => {
    const file = join(await tempFolder(), 'overlay.json');
    const remove = writeOverlayFile(file, overlay());
    writeOverlayFile(file, overlay())();
    expect(remove).not.toThrow();
  });

  test('names the file that cannot be written', async () => {
    const folder = await tempFolder();
    expect(() => writeOverlayFile(folder, overlay())).toThrow(`cannot write ${folder}: `);
  });
});
