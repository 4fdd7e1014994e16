import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import JSON5 from 'json5';
import { OtaError } from '../../errors.ts';
import type { Target } from '../../protocol/platform.ts';
import { isReservedSlug, isSlug } from '../../protocol/slug.ts';
import { isVersion } from '../../protocol/version.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { readToml } from './cargo-manifest.ts';

/** The names a configuration may have, in the order Tauri looks for them. */
export const CONFIG_NAMES = ['tauri.conf.json', 'tauri.conf.json5', 'Tauri.toml'] as const;

/** What a Tauri configuration says about updates, for one system. */
export interface TauriConfig {
  readonly file: string;
  readonly productName: string | undefined;
  /** Undefined where it is left to `Cargo.toml`. Not yet known to be a version. */
  readonly version: string | undefined;
  /** `bundle.windows.wix.version`: an MSI may have its own. */
  readonly wixVersion: string | undefined;
  readonly pubkey: string | undefined;
  readonly endpoints: readonly string[];
  /** `bundle.createUpdaterArtifacts`: whether bundles are signed, and packed for Tauri 1's updater too. */
  readonly updaterArtifacts: boolean | 'v1Compatible';
}

/** `tauri.macos.conf.json`: the system's word in the names of overlays. */
const OVERLAY_WORD: Readonly<Record<Target, string>> = {
  linux: 'linux',
  darwin: 'macos',
  windows: 'windows',
};

/**
 * Reads the configuration in a Tauri folder, with the target system's overlay merged into it (RFC 7396).
 * @throws OtaError `usage` when it is not there, cannot be read, or is Tauri 1's
 */
export async function readTauriConfig(folder: string, target: Target): Promise<TauriConfig> {
  const file = firstExisting(folder, CONFIG_NAMES);
  if (file === undefined) {
    throw new OtaError('usage', `${folder} has none of ${CONFIG_NAMES.join(', ')}`);
  }
  const overlay = firstExisting(folder, overlayNames(target));
  const base = await readConfigValue(file);
  const config = overlay === undefined ? base : mergePatch(base, await readConfigValue(overlay));
  if (object(config).tauri !== undefined && object(config).package !== undefined) {
    throw new OtaError('usage', `${file} is a configuration of Tauri 1`, {
      hint: 'Name its files with --artifact TARGET-ARCH=FILE, or migrate it with `tauri migrate`.',
    });
  }
  const bundle = object(get(config, 'bundle'));
  const updater = object(get(get(config, 'plugins'), 'updater'));
  const endpoints = get(updater, 'endpoints');
  const artifacts = get(bundle, 'createUpdaterArtifacts');
  return {
    file,
    productName: text(get(config, 'productName')),
    version: await readVersion(folder, file, text(get(config, 'version'))),
    wixVersion: text(get(get(get(bundle, 'windows'), 'wix'), 'version')),
    pubkey: text(get(updater, 'pubkey')),
    endpoints: Array.isArray(endpoints) ? endpoints.filter((entry) => typeof entry === 'string') : [],
    updaterArtifacts: artifacts === true || artifacts === 'v1Compatible' ? artifacts : false,
  };
}

/** The slug in the first endpoint of the form `…/api/sync/ota/{slug}/…`; undefined when there is none. */
export function slugOfEndpoints(endpoints: readonly string[]): string | undefined {
  return endpoints
    .map((endpoint) => /\/api\/sync\/ota\/([^/?#]+)\//.exec(endpoint)?.[1])
    .find((slug) => slug !== undefined && isSlug(slug) && !isReservedSlug(slug));
}

/** RFC 7396, "Processing Merge Patch Documents". */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(object(target)));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

function overlayNames(target: Target): string[] {
  const word = OVERLAY_WORD[target];
  return [`tauri.${word}.conf.json`, `tauri.${word}.conf.json5`, `Tauri.${word}.toml`];
}

function firstExisting(folder: string, names: readonly string[]): string | undefined {
  return names.map((name) => join(folder, name)).find((file) => existsSync(file));
}

/** JSON5 is also taken in a `.json`, as Tauri does with its feature `config-json5`. */
async function readConfigValue(file: string): Promise<unknown> {
  if (file.endsWith('.toml')) return (await readToml(file)) ?? {};
  try {
    return JSON5.parse(readSmallFile(file).replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** A version, or the path of a JSON file that has one, from the configuration's folder. */
async function readVersion(
  folder: string,
  file: string,
  value: string | undefined,
): Promise<string | undefined> {
  if (value === undefined || isVersion(value)) return value;
  const path = join(folder, value);
  if (!value.endsWith('.json') || !existsSync(path)) return value;
  const version = text(get(await readConfigValue(path), 'version'));
  if (version !== undefined) return version;
  throw new OtaError('usage', `${path} has no version, and ${basename(file)} takes it from there`);
}

/** A field under its own name or, as Tauri takes it too, in kebab-case. */
function get(value: unknown, name: string): unknown {
  const fields = object(value);
  return fields[name] ?? fields[name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)];
}

function object(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
