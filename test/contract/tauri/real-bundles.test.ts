import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { namedFileIssues } from '../../../src/tauri/file/named-file.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { discover } from '../../support/tauri/discover-in-short.ts';
import { generateKey } from '../../support/tauri/signer.ts';
import { TAURI } from '../../support/tauri/tauri-cli.ts';
import { copyProject } from '../../support/tauri/tauri-project.ts';

const SUPPORTED = process.platform === 'linux' && process.arch === 'x64' && isInstalled('cargo');

/** Has Tauri's own command line pack and sign a program that was built before. */
async function bundle(project: string, kinds: string): Promise<void> {
  const folder = join(project, 'src-tauri/target/release');
  await mkdir(folder, { recursive: true });
  await copyFile('/bin/true', join(folder, 'note-taker'));
  const key = await generateKey(await tempFolder());
  const env = {
    ...process.env,
    TAURI_SIGNING_PRIVATE_KEY: key.privateKey,
    TAURI_SIGNING_PRIVATE_KEY_PASSWORD: key.password,
  };
  await promisify(execFile)(TAURI, ['bundle', '--bundles', kinds, '--ci'], { cwd: project, env });
}

describe.skipIf(!SUPPORTED)("field 5: a deb and an rpm of Tauri's own bundler (needs cargo on Linux)", () => {
  test.each([
    ['App™', 'deb,rpm', 2],
    ['Notes №5', 'deb,rpm', 2],
    ['㎏ Meter', 'deb,rpm', 2],
    ['note taker ', 'deb,rpm', 2],
    ['App-1.2.3', 'deb,rpm', 2],
    ['Tari Universe (Alpha)', 'deb,rpm', 2],
    ['GROẞ', 'deb', 1],
    ['🚀', 'deb', 1],
  ])('are found for "%s"', async (productName, kinds, count) => {
    const project = await copyProject({ productName });
    await bundle(project, kinds);
    const { found, leftOut, issues, discovery } = await discover(project);
    expect(found).toHaveLength(count);
    expect([...leftOut, ...issues]).toEqual([]);
    // The same files, named with --artifact.
    for (const candidate of discovery.candidates) {
      expect(basename(candidate.file)).toContain(productName);
      expect(await namedFileIssues(candidate, { version: '1.2.0' })).toEqual([]);
      expect(await namedFileIssues(candidate, { version: '1.2.1' })).toMatchObject([
        { id: 'bundle.wrong_version' },
      ]);
      const elsewhere = { ...candidate, arch: 'aarch64' as const };
      expect(await namedFileIssues(elsewhere, { version: '1.2.0' })).toMatchObject([
        { id: 'bundle.wrong_arch' },
      ]);
    }
  });
});
