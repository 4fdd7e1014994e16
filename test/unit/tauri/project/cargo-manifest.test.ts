import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCargoManifest } from '../../../../src/tauri/project/cargo-manifest.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { write } from '../../../support/tauri/tauri-project.ts';

/** Reads `apps/desktop/src-tauri/Cargo.toml` of a repository with these others. */
async function read(own: string, others: Readonly<Record<string, string>> = {}) {
  const root = await tempFolder();
  const folder = join(root, 'apps/desktop/src-tauri');
  await write(join(folder, 'Cargo.toml'), own);
  for (const [path, content] of Object.entries(others)) await write(join(root, path), content);
  return { root, folder, manifest: await readCargoManifest(folder) };
}

const OWN = '[package]\nname = "desktop"\nversion = "1.2.0"\n';
const INHERITED = '[package]\nname = "desktop"\nversion.workspace = true\n';
const WORKSPACE = '[workspace]\nmembers = ["apps/*/src-tauri"]\n[workspace.package]\nversion = "3.0.0"\n';

describe('a Cargo.toml', () => {
  test('without a workspace has its own version and target', async () => {
    const { folder, manifest } = await read(OWN);
    expect(manifest).toEqual({
      file: join(folder, 'Cargo.toml'),
      name: 'desktop',
      version: '1.2.0',
      workspaceRoot: folder,
    });
  });

  test.each([
    ['version.workspace = true', INHERITED],
    ['a table', '[package]\nname = "desktop"\nversion = { workspace = true }\n'],
  ])("may inherit the workspace's version by %s", async (_, own) => {
    const { root, manifest } = await read(own, { 'Cargo.toml': WORKSPACE });
    expect(manifest).toMatchObject({ version: '3.0.0', workspaceRoot: root });
  });

  test('in a workspace may have a version of its own', async () => {
    const { root, manifest } = await read(OWN, { 'Cargo.toml': WORKSPACE });
    expect(manifest).toMatchObject({ version: '1.2.0', workspaceRoot: root });
  });

  test('may be its own workspace', async () => {
    const { folder, manifest } = await read(`${INHERITED}${WORKSPACE}`, { 'Cargo.toml': WORKSPACE });
    expect(manifest).toMatchObject({ version: '3.0.0', workspaceRoot: folder });
  });

  test('may name its workspace', async () => {
    const own = `${INHERITED}workspace = "../../../crates"\n`;
    const { root, manifest } = await read(own, { 'crates/Cargo.toml': WORKSPACE });
    expect(manifest).toMatchObject({ version: '3.0.0', workspaceRoot: join(root, 'crates') });
  });

  test('does not belong to a workspace that excludes it, nor to a package above', async () => {
    const { folder, manifest } = await read(OWN, {
      'Cargo.toml': `${WORKSPACE}`.replace('members', 'exclude = ["apps"]\nmembers'),
      'apps/Cargo.toml': '[package]\nname = "other"\n',
    });
    expect(manifest?.workspaceRoot).toBe(folder);
  });

  test('belongs to the nearest workspace', async () => {
    const { root, manifest } = await read(OWN, {
      'Cargo.toml': WORKSPACE,
      'apps/Cargo.toml': '[workspace]\nmembers = ["desktop/src-tauri"]\n',
    });
    expect(manifest?.workspaceRoot).toBe(join(root, 'apps'));
  });

  test('may be missing', async () => {
    expect(await readCargoManifest(await tempFolder())).toBeUndefined();
  });

  test('that is invalid TOML is refused by its name', async () => {
    await expect(read('[package')).rejects.toThrow(/src-tauri\/Cargo\.toml is not valid TOML/);
  });
});
