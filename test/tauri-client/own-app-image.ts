import { appendFile, chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { appImage } from '../support/process/executables.ts';
import { tempFolder } from '../support/process/temp-folder.ts';

/** The file that a user downloaded and runs. */
export async function ownAppImage(): Promise<string> {
  const file = join(await tempFolder(), 'My notes.AppImage');
  await writeFile(file, appImage('x86_64'));
  await appendFile(file, 'an earlier version');
  await chmod(file, 0o750);
  return file;
}
