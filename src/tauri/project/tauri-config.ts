import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import JSON5 from 'json5';
import { OtaError } from '../../errors.ts';
import type { Target } from '../../protocol/platform.ts';
import { isReservedSlug, isSlug } from '../../protocol/slug.ts';
import { isVersion } from '../../protocol/version.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { readToml } from './cargo-manifest.ts';
import { isTable, tableOf, textOf } from './table.ts';

/** The names of a configuration, in the order Tauri looks for them. */
export const CONFIG_NAMES = ['tauri.conf.json', 'tauri.conf.json5', 'Tauri.toml'] as const;

/** What a Tauri configuration for one system says about updates. */
export interface TauriConfig {
  readonly file: string;
  readonly productName: string | undefined;
  /** Not validated; undefined where it is left to `Cargo.toml`. */
  readonly version: string | undefined;
  readonly wixVersion: string | undefined; // of an MSI: `bundle.windows.wix.version`
  readonly pubkey: string | undefined;
  readonly endpoints: readonly string[];
  /** `bundle.createUpdaterArtifacts`: whether bundles are signed, and also packed for Tauri 1's updater. */
  readonly updaterArtifacts: boolean | 'v1Compatible';
}

/** As in `tauri.macos.conf.json`. */
const OVERLAY_WORD: Readonly<Record<Target, string>> = {
  linux: 'linux',
  darwin: 'macos',
  windows: 'windows',
};

/**
 * Reads the configuration of a Tauri folder, merged with the system's overlay (RFC 7396).
 * @throws OtaError `usage` when it is missing, invalid, or for Tauri 1
 */
export async function readTauriConfig(folder: string, target: Target): Promise<TauriConfig> {
  const file = firstExisting(folder, CONFIG_NAMES);
  if (file === undefined) {
    throw new OtaError('usage', `${folder} contains none of ${CONFIG_NAMES.join(', ')}`);
  }
  const overlay = firstExisting(folder, overlayNames(target));
  const base = await readConfigValue(file);
  const config = overlay === undefined ? base : mergePatch(base, await readConfigValue(overlay));
  const { tauri, package: packageOfTauri1 } = tableOf(config);
  if (tauri !== undefined && packageOfTauri1 !== undefined) {
    throw new OtaError('usage', `${file} is a Tauri 1 configuration`, {
      hint: 'List the files with --artifact TARGET-ARCH=FILE, or run `tauri migrate`.',
    });
  }
  const bundle = get(config, 'bundle');
  const updater = get(get(config, 'plugins'), 'updater');
  const endpoints = get(updater, 'endpoints');
  const artifacts = get(bundle, 'createUpdaterArtifacts');
  return {
    file,
    productName: trimmed(get(config, 'productName')),
    version: await readVersion(file, trimmed(get(config, 'version'))),
    wixVersion: trimmed(get(get(get(bundle, 'windows'), 'wix'), 'version')),
    pubkey: trimmed(get(updater, 'pubkey')),
    endpoints: Array.isArray(endpoints) ? endpoints.filter((entry) => typeof entry === 'string') : [],
    updaterArtifacts: artifacts === true || artifacts === 'v1Compatible' ? artifacts : false,
  };
}

/** The slug in the first endpoint like `…/api/sync/ota/{slug}/…`. */
export function slugOfEndpoints(endpoints: readonly string[]): string | undefined {
  return endpoints
    .map((endpoint) => /\/api\/sync\/ota\/([^/?#]+)\//.exec(endpoint)?.[1])
    .find((slug) => slug !== undefined && isSlug(slug) && !isReservedSlug(slug));
}

/** RFC 7396, "Processing Merge Patch Documents". */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isTable(patch)) return patch;
  const merged = new Map(Object.entries(tableOf(target)));
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

/** JSON5 may be in a `.json` too, as for Tauri's feature `config-json5`. */
async function readConfigValue(file: string): Promise<unknown> {
  if (file.endsWith('.toml')) return (await readToml(file)) ?? {};
  try {
    return JSON5.parse(readSmallFile(file).replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** A version, or the one in the JSON file that a path in its place refers to. */
async function readVersion(file: string, value: string | undefined): Promise<string | undefined> {
  if (value === undefined || isVersion(value)) return value;
  const path = join(dirname(file), value);
  if (!value.endsWith('.json') || !existsSync(path)) return value;
  const version = trimmed(get(await readConfigValue(path), 'version'));
  if (version !== undefined) return version;
  throw new OtaError('usage', `${path} has no version, but ${basename(file)} takes its version from there`);
}

/** A field by its name or, as Tauri allows too, its name in kebab-case. */
function get(value: unknown, name: string): unknown {
  const fields = tableOf(value);
  return fields[name] ?? fields[name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)];
}

/** Undefined for blank text too. */
function trimmed(value: unknown): string | undefined {
  return textOf(value)?.trim() || undefined;
}
