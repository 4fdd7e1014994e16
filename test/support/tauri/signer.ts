import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TAURI } from './tauri-cli.ts';

const run = promisify(execFile);

/** A key pair of the real `tauri signer`. */
export interface SigningKey {
  /** The text of the key file, for `TAURI_SIGNING_PRIVATE_KEY`. */
  readonly privateKey: string;
  /** The text of the `.key.pub` file, for `plugins.updater.pubkey`. */
  readonly publicKey: string;
  readonly password: string;
}

/** Generates a key pair with the real signer: `<folder>/<name>.key` and `<folder>/<name>.key.pub`. */
export async function generateKey(folder: string, name = 'signing'): Promise<SigningKey> {
  const password = `password of ${name}`;
  const path = join(folder, `${name}.key`);
  await run(TAURI, ['signer', 'generate', '-w', path, '-p', password, '--ci'], { env: environment() });
  const [privateKey, publicKey] = await Promise.all([
    readFile(path, 'utf8'),
    readFile(`${path}.pub`, 'utf8'),
  ]);
  return { privateKey: privateKey.trim(), publicKey: publicKey.trim(), password };
}

/**
 * Signs a file with the real signer.
 * @returns the path of the signature, `<file>.sig`
 */
export async function signFile(
  key: SigningKey,
  file: string,
  options: { readonly appVersion?: string } = {},
): Promise<string> {
  const bound = options.appVersion === undefined ? [] : ['--app-version', options.appVersion];
  const env = environment({
    TAURI_SIGNING_PRIVATE_KEY: key.privateKey,
    TAURI_SIGNING_PRIVATE_KEY_PASSWORD: key.password,
  });
  await run(TAURI, ['signer', 'sign', ...bound, file], { env });
  return `${file}.sig`;
}

/** This process's environment without signing settings. */
function environment(signing: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TAURI_'));
  return { ...Object.fromEntries(inherited), ...signing };
}
