import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isInstalled } from '../process/is-installed.ts';
import { tempFolder } from '../process/temp-folder.ts';

const exec = promisify(execFile);

/** Whether the reference implementation is installed (Debian's package `minisign`). */
export const hasMinisign = isInstalled('minisign');

/**
 * Verifies bytes with minisign.
 * @param publicKey in the form for `plugins.updater.pubkey`
 * @param signature in the form of a check's response
 */
export async function minisignAccepts(publicKey: string, bytes: Buffer, signature: string): Promise<boolean> {
  const folder = await tempFolder();
  const file = join(folder, 'served');
  const key = join(folder, 'minisign.pub');
  await writeFile(file, bytes);
  await writeFile(`${file}.minisig`, Buffer.from(signature, 'base64'));
  await writeFile(key, Buffer.from(publicKey, 'base64'));
  try {
    const { stdout } = await exec('minisign', ['-V', '-m', file, '-p', key]);
    return stdout.includes('Signature and comment signature verified');
  } catch {
    return false;
  }
}
