import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCUMENTED_ARCHS, type Platform, platformName, TARGETS } from '../../../src/protocol/platform.ts';
import type { LocalArtifact } from '../../../src/publish/inspect/local-artifact.ts';

export const LINUX: Platform = { target: 'linux', arch: 'x86_64' };
export const MAC: Platform = { target: 'darwin', arch: 'aarch64' };
export const WINDOWS: Platform = { target: 'windows', arch: 'x86_64' };
/** Every platform that api.md names. */
export const SIX: readonly Platform[] = TARGETS.flatMap((target) =>
  DOCUMENTED_ARCHS.map((arch) => ({ target, arch })),
);
export const DEB: Platform = { ...LINUX, bundleType: 'deb' };

/** A file of random or given bytes with its signature beside it, and the result of inspecting it. */
export async function writeArtifact(
  folder: string,
  platform: Platform,
  signature = `signature of ${platformName(platform)}`,
  bytes: Buffer = randomBytes(1000),
): Promise<LocalArtifact> {
  const file = join(folder, `${platformName(platform)}.bin`);
  await writeFile(file, bytes);
  await writeFile(`${file}.sig`, `${signature}\n`);
  return { ...platform, file, size: bytes.length, sha256: sha256Of(bytes), signature };
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
