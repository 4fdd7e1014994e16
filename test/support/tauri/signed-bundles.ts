import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Platform } from '../../../src/protocol/platform.ts';
import { generateKey, type SigningKey, signFile } from './signer.ts';

/** A file as `tauri build` names it, with its signature by the real signer. */
export interface SignedBundle extends Platform {
  readonly name: string;
  readonly bytes: Buffer;
  /** The text of its `.sig`. */
  readonly signature: string;
}

const BUNDLES = [
  { target: 'darwin', arch: 'aarch64', name: 'App.app.tar.gz' },
  { target: 'linux', arch: 'x86_64', name: 'App_amd64.AppImage' },
  { target: 'windows', arch: 'x86_64', name: 'App_x64-setup.exe' },
] as const;

/**
 * Three files of different sizes, so that requests can be told apart, signed with this key or a new one.
 * @param size in bytes, about; the second may be a large one
 * @param appVersion for the trusted comments
 */
export async function signBundles(
  size: number,
  options: { readonly key?: SigningKey; readonly appVersion?: string; readonly large?: number } = {},
): Promise<{ readonly key: SigningKey; readonly bundles: readonly SignedBundle[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  const key = options.key ?? (await generateKey(folder));
  const bundles: SignedBundle[] = [];
  for (const [i, bundle] of BUNDLES.entries()) {
    const bytes = randomBytes(i === 1 ? (options.large ?? size + i) : size + i);
    const file = join(folder, bundle.name);
    await writeFile(file, bytes);
    const signature = (await readFile(await signFile(key, file, options), 'utf8')).trim();
    bundles.push({ ...bundle, bytes, signature });
  }
  await rm(folder, { recursive: true });
  return { key, bundles };
}

/** Writes the files with their signatures beside them. @returns the artifacts of a publish request */
export async function writeBundles(folder: string, bundles: readonly SignedBundle[]) {
  for (const { name, bytes, signature } of bundles) {
    await writeFile(join(folder, name), bytes);
    await writeFile(join(folder, `${name}.sig`), signature);
  }
  return bundles.map(({ target, arch, name }) => ({ target, arch, file: join(folder, name) }));
}
