import { existsSync } from 'node:fs';
import { readSecretKey } from '../../protocol/manifest/secret-key.ts';
import type { ManifestSigner, StatementValidity } from '../../publish/release-request.ts';
import { type ConfigFile, MANIFEST_KEY_SOURCE } from '../config/config-file.ts';
import { DEFAULT_MANIFEST_DAYS } from '../defaults.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from './option-errors.ts';
import { DAY_MS, readDuration } from './quantities.ts';
import { readTextFile } from './remote-options.ts';

export interface ManifestOptions {
  readonly manifestKey?: string;
  readonly manifestKeyPassword?: string;
  readonly manifestDays?: string;
}

/** Where the key may be, besides the options. */
export interface ManifestSources {
  readonly environment: Environment;
  readonly config?: Pick<ConfigFile, 'manifestKey' | 'manifestDays'>;
}

export interface ReadSigner {
  /** Of everything that is signed about the release. */
  readonly validity: StatementValidity;
  readonly signer?: ManifestSigner;
  readonly warning?: string;
}

const MAX_VALIDITY_MS = 3650 * DAY_MS;

/**
 * The key that the manifest of a release is signed with: that of `--manifest-key` or the config file, else the one that
 * signs the files.
 * @returns undefined where there is none. Why the key of the files cannot be used is a warning: files need no manifest
 */
export async function readManifestSigner(
  { manifestKey: given, manifestKeyPassword, manifestDays }: ManifestOptions,
  { environment, config = {} }: ManifestSources,
  errors: OptionErrors,
): Promise<ReadSigner> {
  const text = manifestDays ?? String(config.manifestDays ?? DEFAULT_MANIFEST_DAYS);
  const range = { min: DAY_MS, max: MAX_VALIDITY_MS, bare: 'd' } as const;
  const validityMs = readDuration({ option: '--manifest-days', text, ...range }, errors);
  const createdAt = new Date();
  const validity = { createdAt, expiresAt: new Date(createdAt.getTime() + validityMs) };
  const own = given || config.manifestKey;
  const source = given ? '--manifest-key' : own ? MANIFEST_KEY_SOURCE : 'TAURI_SIGNING_PRIVATE_KEY';
  const value = own || environment.TAURI_SIGNING_PRIVATE_KEY?.trim();
  if (!value) return { validity };
  const password = own ? manifestKeyPassword : environment.TAURI_SIGNING_PRIVATE_KEY_PASSWORD;
  const isFile = existsSync(value) || source === MANIFEST_KEY_SOURCE;
  const key = errors.attempt(() => (isFile ? readTextFile(value, source) : value));
  if (key === undefined) return { validity };
  const read = await readSecretKey(key, password ?? '');
  if (read.kind === 'key') {
    return { validity, signer: { pair: read.pair, ...validity, isForManifests: Boolean(own) } };
  }
  if (own) {
    errors.add(`${source}${isFile ? ` ${own}` : ''} ${read.reason}: give the file of a minisign secret key`);
    return { validity };
  }
  return { validity, warning: `no manifest is signed, because the key in ${source} ${read.reason}` };
}
