import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCargoTarget, listBundleFolders } from '../../../../src/tauri/project/cargo-target.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { write } from '../../../support/tauri/tauri-project.ts';

describe("Cargo's target folder", () => {
  async function project() {
    const workspaceRoot = await tempFolder();
    const folder = join(workspaceRoot, 'app/src-tauri');
    await mkdir(folder, { recursive: true });
    return { workspaceRoot, folder };
  }

  test("is the workspace's by default", async () => {
    const { workspaceRoot, folder } = await project();
    expect(await findCargoTarget({ workspaceRoot, folder })).toBe(join(workspaceRoot, 'target'));
  });

  test.each(['.cargo/config.toml', '.cargo/config'])(
    'may be set in %s, from its own folder on',
    async (name) => {
      const { workspaceRoot, folder } = await project();
      await write(join(workspaceRoot, name), '[build]\ntarget-dir = "out/cargo"\n');
      expect(await findCargoTarget({ workspaceRoot, folder })).toBe(join(workspaceRoot, 'out/cargo'));
    },
  );

  test('is that of the nearest configuration that sets it', async () => {
    const { workspaceRoot, folder } = await project();
    await write(join(workspaceRoot, '.cargo/config.toml'), '[build]\ntarget-dir = "far"\n');
    await write(join(workspaceRoot, 'app/.cargo/config.toml'), '[build]\ntarget-dir = "near"\n');
    await write(join(folder, '.cargo/config.toml'), '[build]\njobs = 2\n');
    expect(await findCargoTarget({ workspaceRoot, folder })).toBe(join(workspaceRoot, 'app/near'));
  });

  test('is CARGO_TARGET_DIR above all, relative to the package', async () => {
    const { workspaceRoot, folder } = await project();
    await write(join(workspaceRoot, '.cargo/config.toml'), '[build]\ntarget-dir = "far"\n');
    const find = (cargoTargetDir: string) => findCargoTarget({ workspaceRoot, folder, cargoTargetDir });
    expect(await find('/elsewhere')).toBe('/elsewhere');
    expect(await find('../out')).toBe(join(workspaceRoot, 'app/out'));
    expect(await find('')).toBe(join(workspaceRoot, 'far'));
  });
});

describe('the bundle folders of a target folder', () => {
  test('are found for every profile, with and without a triple', async () => {
    const target = await tempFolder();
    for (const path of [
      'release/bundle',
      'release/build/bundle',
      'quick/deps',
      'quick/build/bundle',
      'debug/bundle',
      'x86_64-pc-windows-msvc/release/bundle',
      'x86_64-pc-windows-msvc/lto/bundle',
      'made-up/release/bundle',
      'doc/src',
    ]) {
      await mkdir(join(target, path), { recursive: true });
    }
    const found = await listBundleFolders(target);
    expect(found.map(({ folder }) => folder.slice(target.length + 1))).toEqual([
      'debug/bundle',
      'made-up/release/bundle',
      'release/bundle',
      'x86_64-pc-windows-msvc/lto/bundle',
      'x86_64-pc-windows-msvc/release/bundle',
    ]);
    expect(found.map(({ profile, triple }) => [profile, triple?.name, triple?.parsed?.target])).toEqual([
      ['debug', undefined, undefined],
      ['release', 'made-up', undefined],
      ['release', undefined, undefined],
      ['lto', 'x86_64-pc-windows-msvc', 'windows'],
      ['release', 'x86_64-pc-windows-msvc', 'windows'],
    ]);
  });

  test('are none when nothing was built', async () => {
    expect(await listBundleFolders('/nowhere/target')).toEqual([]);
  });
});
