import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { OtaError } from '../../errors.ts';
import type { Target } from '../../protocol/platform.ts';
import { isReservedSlug, isSlug } from '../../protocol/slug.ts';
import { isVersion } from '../../protocol/version.ts';
import { type ConfigLayer, readConfigValue } from './config-value.ts';
import { mergeConfig } from './merge-config.ts';
import { tableOf, textOf } from './table.ts';

/** The names of a configuration, in the order Tauri looks for them. */
export const CONFIG_NAMES = ['tauri.conf.json', 'tauri.conf.json5', 'Tauri.toml'] as const;

/** A setting, and where it was read. */
export interface Sourced<T> {
  readonly value: T;
  /** A file, or an option or a variable: for messages. */
  readonly source: string;
}

/** What a Tauri configuration for one system says about updates. */
export interface TauriConfig {
  readonly file: string;
  readonly productName: string | undefined;
  /** Not validated; undefined where it is left to `Cargo.toml`. */
  readonly version: Sourced<string> | undefined;
  readonly wixVersion: string | undefined; // of an MSI: `bundle.windows.wix.version`
  /** As it is written, which has to be exact; undefined where it is blank. */
  readonly pubkey: Sourced<string> | undefined;
  readonly endpoints: Sourced<readonly string[]>;
  /** Whether release builds accept endpoints of http: `dangerousInsecureTransportProtocol`. */
  readonly allowsHttp: boolean;
  /** Whether the updater accepts certificates that are not trusted, or for another host. */
  readonly acceptsInvalidCertificates: boolean;
  /** Whether the updater rejects signatures that name no version: `requireSignedVersion`. */
  readonly requiresSignedVersion: boolean;
  /** `bundle.createUpdaterArtifacts`: whether bundles are signed, and also packed for Tauri 1's updater. */
  readonly updaterArtifacts: boolean | 'v1Compatible';
}

/** Where the updater of a build asks. */
export interface UpdaterConfig {
  /** Where the endpoints were read, or would be. */
  readonly source: string;
  readonly endpoints: readonly string[];
  readonly allowsHttp: boolean;
  readonly acceptsInvalidCertificates: boolean;
}

export function updaterOf({ endpoints, allowsHttp, acceptsInvalidCertificates }: TauriConfig): UpdaterConfig {
  const { source, value } = endpoints;
  return { source, endpoints: value, allowsHttp, acceptsInvalidCertificates };
}

/** As in `tauri.macos.conf.json`. */
const OVERLAY_WORD: Readonly<Record<Target, string>> = {
  linux: 'linux',
  darwin: 'macos',
  windows: 'windows',
};

/**
 * Reads the configuration of a Tauri folder, merged with the system's overlay and the overrides as Tauri's command line
 * does (RFC 7396).
 * @param overrides values of `tauri build --config`, in their order
 * @throws OtaError `usage` when it is missing, invalid, or for Tauri 1
 */
export async function readTauriConfig(
  folder: string,
  target: Target,
  overrides: readonly ConfigLayer[] = [],
): Promise<TauriConfig> {
  const file = firstExisting(folder, CONFIG_NAMES);
  if (file === undefined) {
    throw new OtaError('usage', `${folder} contains none of ${CONFIG_NAMES.join(', ')}`);
  }
  const files = [file, firstExisting(folder, overlayNames(target))].filter((name) => name !== undefined);
  const layers = [...files.map((source) => ({ source, value: readConfigValue(source) })), ...overrides];
  const config = mergeConfig(
    layers.slice(0, files.length).map(({ value }) => value),
    overrides.map(({ value }) => value),
  );
  if (isTauri1(config)) {
    throw new OtaError('usage', `${file} is a Tauri 1 configuration`, {
      hint: 'List the files with --artifact TARGET-ARCH=FILE, or run `tauri migrate`.',
    });
  }
  const sourceOf = (...path: readonly string[]) =>
    layers.findLast(({ value }) => path.reduce<unknown>(get, value) !== undefined)?.source ?? file;
  const bundle = get(config, 'bundle');
  const updater = get(get(config, 'plugins'), 'updater');
  const endpoints = get(updater, 'endpoints');
  const artifacts = get(bundle, 'createUpdaterArtifacts');
  const pubkey = textOf(get(updater, 'pubkey'));
  return {
    file,
    productName: textOf(get(config, 'productName')) || undefined, // tauri-bundler keeps its blanks
    version: readVersion(file, { value: get(config, 'version'), source: sourceOf('version') }),
    wixVersion: trimmed(get(get(get(bundle, 'windows'), 'wix'), 'version')),
    pubkey: pubkey?.trim() ? { value: pubkey, source: sourceOf('plugins', 'updater', 'pubkey') } : undefined,
    endpoints: {
      value: Array.isArray(endpoints) ? endpoints.filter((entry) => typeof entry === 'string') : [],
      source: sourceOf('plugins', 'updater', 'endpoints'),
    },
    allowsHttp: get(updater, 'dangerousInsecureTransportProtocol') === true,
    acceptsInvalidCertificates:
      get(updater, 'dangerousAcceptInvalidCerts') === true ||
      get(updater, 'dangerousAcceptInvalidHostnames') === true,
    requiresSignedVersion: get(updater, 'requireSignedVersion') === true,
    updaterArtifacts: artifacts === true || artifacts === 'v1Compatible' ? artifacts : false,
  };
}

/** `plugins.updater.pubkey` of a configuration that may be a part of one; undefined when it has none. */
export function pubkeyIn(config: unknown): string | undefined {
  return textOf(get(get(get(config, 'plugins'), 'updater'), 'pubkey'));
}

/** The different slugs in endpoints like `…/api/sync/ota/{slug}/…`, in their order. */
export function slugsOfEndpoints(endpoints: readonly string[]): string[] {
  const slugs = endpoints
    .map((endpoint) => /\/api\/sync\/ota\/([^/?#]+)\//.exec(endpoint)?.[1])
    .filter((slug) => slug !== undefined && isSlug(slug) && !isReservedSlug(slug))
    .filter((slug) => slug !== undefined);
  return [...new Set(slugs)];
}

/** Keys that only Tauri 1 has: Tauri 2 refuses a configuration with one. The section `package` may be left out. */
function isTauri1(config: unknown): boolean {
  const { tauri, package: packageOfTauri1 } = tableOf(config);
  const build = get(config, 'build');
  return [tauri, packageOfTauri1, get(build, 'distDir'), get(build, 'devPath')].some(
    (value) => value !== undefined,
  );
}

function overlayNames(target: Target): string[] {
  const word = OVERLAY_WORD[target];
  return [`tauri.${word}.conf.json`, `tauri.${word}.conf.json5`, `Tauri.${word}.toml`];
}

function firstExisting(folder: string, names: readonly string[]): string | undefined {
  return names.map((name) => join(folder, name)).find((file) => existsSync(file));
}

/** A version, or the one in the JSON file that a path in its place refers to. */
function readVersion(file: string, { value, source }: Sourced<unknown>): Sourced<string> | undefined {
  const text = trimmed(value);
  if (text === undefined) return undefined;
  if (isVersion(text)) return { value: text, source };
  const path = join(dirname(file), text);
  if (!text.endsWith('.json') || !existsSync(path)) return { value: text, source };
  const version = trimmed(get(readConfigValue(path), 'version'));
  if (version !== undefined) return { value: version, source: path };
  throw new OtaError('usage', `${path} has no version, but ${basename(source)} takes its version from there`);
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
