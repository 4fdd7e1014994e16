import { execFile } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tempFolder } from '../process/temp-folder.ts';

/** Tauri's command line, from its own package. */
export const TAURI = fileURLToPath(new URL('../../../node_modules/.bin/tauri', import.meta.url));

/**
 * Lets `tauri dev` or `tauri build` read a project's configuration, up to the call of Cargo.
 * @returns the merged `--config`s, as they are passed to Cargo
 * @throws with its output if it rejects the configuration
 */
export async function configureWithTauri(project: string, args: readonly string[]): Promise<unknown> {
  const folder = await tempFolder();
  const [runner, recorded] = [join(folder, 'runner'), join(folder, 'recorded')];
  await writeFile(runner, `#!/bin/sh\nprintf %s "$TAURI_CONFIG" > '${recorded}'\nexit 1\n`);
  await chmod(runner, 0o755);
  const options = { cwd: project, env: { ...process.env, CI: 'true' } };
  const { stdout, stderr } = await promisify(execFile)(TAURI, [...args, '--runner', runner], options).catch(
    (failure: { stdout: string; stderr: string }) => failure,
  );
  const config = await readFile(recorded, 'utf8').catch(() => {
    throw new Error(`${stdout}${stderr}`);
  });
  return JSON.parse(config);
}
