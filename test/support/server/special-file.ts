import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { tempFolder } from '../process/temp-folder.ts';

/** What can be in the place of a file, and is none. Opening a pipe waits for its other end. */
export const SPECIAL_FILES = ['folder', 'pipe', 'socket', 'link to the file', 'link to nothing'] as const;
export type SpecialFile = (typeof SPECIAL_FILES)[number];

/** Puts something else in the place of a file, which is kept elsewhere. @returns where it is */
export async function replaceBy(kind: SpecialFile, path: string): Promise<string> {
  const kept = join(await tempFolder(), basename(path));
  await cp(path, kept);
  await rm(path);
  if (kind === 'folder') {
    await mkdir(path);
    await writeFile(join(path, 'somebody’s'), 'content');
  } else if (kind === 'pipe') execFileSync('mkfifo', [path]);
  else if (kind === 'socket') await listenAt(path);
  else await symlink(kind === 'link to the file' ? kept : `${kept}-not`, path);
  return kept;
}

/** A socket's path may have some 100 bytes, so that it is made with a short one. */
async function listenAt(path: string): Promise<void> {
  const server = createServer();
  const folder = process.cwd();
  process.chdir(join(path, '..'));
  try {
    await promisify((done: () => void) => server.listen(basename(path), done))();
  } finally {
    process.chdir(folder);
  }
  onTestFinished(() => promisify(server.close.bind(server))());
}
