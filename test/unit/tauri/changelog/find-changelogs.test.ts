import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findChangelogs } from '../../../../src/tauri/changelog/find-changelogs.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

/** Writes these files; a name that ends with a slash is a folder. */
async function folderWith(...paths: string[]): Promise<string> {
  const root = await tempFolder();
  for (const path of paths) {
    const file = join(root, path);
    await mkdir(path.endsWith('/') ? file : dirname(file), { recursive: true });
    if (!path.endsWith('/')) await writeFile(file, '## 1.2.0\n');
  }
  return root;
}

function find(root: string, project: string, tauriFolder: string, home = '/nowhere'): string[] {
  const place = { project: join(root, project), tauriFolder: join(root, tauriFolder), home };
  return findChangelogs(place).map((file) => relative(root, file));
}

describe('field 6: changelogs', () => {
  test.each([
    ...[
      'CHANGELOG.md',
      'changelog.md',
      'Changelog.md',
      'ChangeLog.md',
      'CHANGELOG.MD',
      'CHANGELOG',
      'CHANGELOG.txt',
    ],
    ...[
      'changelog.markdown',
      'CHANGES.md',
      'History.md',
      'RELEASES.md',
      'RELEASE_NOTES.md',
      'release-notes.md',
    ],
    ...['NEWS.md', 'Change Log.md'],
  ])('may be called %s', async (name) => {
    const root = await folderWith(name, 'src-tauri/');
    expect(find(root, '.', 'src-tauri')).toEqual([name]);
  });

  test('are in an order that is the same on every system', async () => {
    const names = [
      'NEWS.md',
      'changelog.md',
      'HISTORY.md',
      'CHANGELOG',
      'Changelog.md',
      'CHANGELOG.md',
      'CHANGES.md',
    ];
    const root = await folderWith(...names, 'src-tauri/');
    const order = [
      'CHANGELOG.md',
      'Changelog.md',
      'changelog.md',
      'CHANGELOG',
      'CHANGES.md',
      'HISTORY.md',
      'NEWS.md',
    ];
    expect(find(root, '.', 'src-tauri')).toEqual(order);
  });

  test('are files, and nothing of a similar name', async () => {
    const root = await folderWith(
      'changelog/',
      'CHANGELOG.rst',
      'changelog.js',
      'CHANGELOG-old.md',
      'src-tauri/',
    );
    expect(find(root, '.', 'src-tauri')).toEqual([]);
  });

  test('are the nearest first, up to the root of the repository and never above', async () => {
    const paths = ['apps/desktop/src-tauri', 'apps/desktop', 'apps', '.'].map((folder) =>
      join(folder, 'CHANGELOG.md'),
    );
    const root = await folderWith(...paths.map((path) => join('repo', path)), 'CHANGELOG.md', 'repo/.git/');
    const expected = ['apps/desktop', 'apps/desktop/src-tauri', 'apps', '.'];
    const found = expected.map((folder) => join('repo', folder, 'CHANGELOG.md'));
    for (const project of ['repo', 'repo/apps/desktop']) {
      expect(find(root, project, 'repo/apps/desktop/src-tauri')).toEqual(found);
    }
  });

  test('are found above in a worktree too, where .git is a file', async () => {
    const root = await folderWith('CHANGELOG.md', '.git', 'app/src-tauri/');
    expect(find(root, 'app', 'app/src-tauri')).toEqual(['CHANGELOG.md']);
  });

  test('are not searched above the project without a repository', async () => {
    const root = await folderWith('CHANGELOG.md', 'app/CHANGELOG.md', 'app/desktop/src-tauri/');
    expect(find(root, 'app', 'app/desktop/src-tauri')).toEqual(['app/CHANGELOG.md']);
  });

  test("are not searched above the user's home", async () => {
    const root = await folderWith('.git/', 'CHANGELOG.md', 'home/CHANGELOG.md', 'home/app/src-tauri/');
    expect(find(root, 'home/app', 'home/app/src-tauri', join(root, 'home'))).toEqual([]);
  });

  test('beside the Tauri configuration come first where that is the project', async () => {
    const root = await folderWith('CHANGELOG.md', 'src-tauri/CHANGELOG.md', '.git/');
    expect(find(root, 'src-tauri', 'src-tauri')).toEqual(['src-tauri/CHANGELOG.md', 'CHANGELOG.md']);
  });
});
