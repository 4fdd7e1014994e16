import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import JSON5 from 'json5';
import { OtaError } from '../../errors.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { isTable } from '../../tauri/project/table.ts';
import { nearestWord } from '../options/near-misses.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { type Overlay, Settings } from './config-schema.ts';
import { CONFIG_FILE, findConfigFile } from './find-config-file.ts';

/** File patterns by platform, as in `--artifact`. */
export interface ArtifactPatterns {
  /** The config file. */
  readonly file: string;
  /** The file's folder, which patterns are relative to. Relative itself if the project's path was. */
  readonly folder: string;
  readonly patterns: Readonly<Record<string, string>>;
}

export interface ConfigFile extends Omit<Settings, 'artifacts' | 'config' | '$schema'> {
  readonly artifacts?: ArtifactPatterns;
  /** What `tauri build --config` was given: paths, or JSON. */
  readonly config?: readonly string[];
  /** The file, where it names the server. */
  readonly serverFile?: string;
  /** Why there is a file that was not read: a sentence for people. */
  readonly notRead?: string;
  /** Something is wrong with the file, which was reported: what it would set is unknown, but not missing. */
  readonly unreadable?: true;
}

/** Name the config file's keys in messages. */
export const PUBKEY_SOURCE = `pubkey in ${CONFIG_FILE}`;
export const MANIFEST_KEY_SOURCE = `manifestKey in ${CONFIG_FILE}`;

/** `readConfigFile`, with a fault added to `errors`. */
export function readConfigFileInto(errors: OptionErrors, folder: string): ConfigFile {
  return errors.attempt(() => readConfigFile(folder)) ?? { unreadable: true };
}

/**
 * Reads the config file of a project (`findConfigFile`); empty when there is none. Blank values count as absent.
 * Comments are allowed (JSON5).
 * @throws OtaError `usage` when it cannot be read, has unknown settings, or contains a token or headers
 */
export function readConfigFile(folder: string): ConfigFile {
  const { file, notRead } = findConfigFile(folder);
  return { ...(file !== undefined && readSettings(file, folder)), ...(notRead !== undefined && { notRead }) };
}

function readSettings(file: string, folder: string): ConfigFile {
  const value = withoutBlanks(parse(file));
  if (isTable(value) && 'token' in value) {
    throw new OtaError('usage', `${file} contains a token, which would be committed with it`, {
      hint: 'Remove it, revoke that token, and set a new one in SYNCKIT_OTA_TOKEN.',
    });
  }
  if (isTable(value) && ['header', 'headers'].some((name) => name in value)) {
    throw new OtaError(
      'usage',
      `${file} contains headers, and any secret in them would be committed with it`,
      {
        hint: 'Remove them, renew the secrets that they hold, and set SYNCKIT_OTA_HEADERS instead.',
      },
    );
  }
  if (!matches(Settings, value)) throw invalid(file, value);
  const { artifacts: patterns, config, $schema: _, ...settings } = value;
  if (value.manifestKey !== undefined) requireNoSecretKey(file, value.manifestKey);
  const home = isAbsolute(folder) ? dirname(file) : relative('', dirname(file)) || '.';
  return {
    ...settings,
    ...(value.server && { serverFile: join(home, CONFIG_FILE) }),
    ...(value.pubkey && { pubkey: fromFolder(home, value.pubkey) }),
    ...(value.manifestKey && { manifestKey: pathFrom(home, value.manifestKey) }),
    ...(config !== undefined && { config: [config].flat().map((entry) => overlayFrom(home, entry)) }),
    ...(patterns && { artifacts: { file, folder: home, patterns } }),
  };
}

function invalid(file: string, value: unknown): OtaError {
  const known = Object.keys(Settings.properties).filter((name) => name !== '$schema');
  const unknown = Object.keys(isTable(value) ? value : {}).filter(
    (name) => !Object.hasOwn(Settings.properties, name),
  );
  const issues =
    unknown.length > 0
      ? [
          `unknown ${unknown.length === 1 ? 'setting' : 'settings'} ${unknown.map((name) => suggest(name, known)).join(', ')}`,
        ]
      : fieldErrors(Settings, value).map(({ field, message }) => `${field} ${message}`);
  return new OtaError('usage', `invalid config file ${file}: ${issues.join('; ')}`, {
    hint: `Settings are ${known.join(', ')}.`,
  });
}

/** `"slugg" (did you mean slug?)`. */
function suggest(name: string, known: readonly string[]): string {
  const meant = nearestWord(name, known);
  return `"${name}"${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}

/** Texts without white space around them; blank ones, also in lists, are left out, as if they were not there. */
function withoutBlanks(value: unknown): unknown {
  if (!isTable(value)) return value;
  const entries = Object.entries(value).flatMap(([name, setting]): [string, unknown][] => {
    if (typeof setting === 'string') return setting.trim() === '' ? [] : [[name, setting.trim()]];
    if (!Array.isArray(setting) || setting.length === 0) return [[name, setting]];
    const left = setting.filter((entry) => typeof entry !== 'string' || entry.trim() !== '');
    return left.length === 0 ? [] : [[name, left]];
  });
  return Object.fromEntries(entries);
}

function overlayFrom(folder: string, overlay: Overlay): string {
  if (typeof overlay !== 'string') return JSON.stringify(overlay);
  return overlay.trimStart().startsWith('{') || isAbsolute(overlay) ? overlay : join(folder, overlay);
}

/** A path in the file is relative to the file's folder; a value that is no file there is used as it is. */
function fromFolder(folder: string, value: string): string {
  const path = pathFrom(folder, value);
  return existsSync(path) ? path : value;
}

function pathFrom(folder: string, value: string): string {
  return isAbsolute(value) ? value : join(folder, value);
}

/** The key itself, as minisign or Tauri write it, is longer than any name of a file. */
function requireNoSecretKey(file: string, value: string): void {
  if (!/^[\w+/=\s:-]{200,}$/.test(value)) return;
  throw new OtaError('usage', `${file} contains a secret key, which would be committed with it`, {
    hint: 'Remove it, make a new key, and name its file in manifestKey, or set SYNCKIT_OTA_MANIFEST_KEY.',
  });
}

function parse(file: string): unknown {
  try {
    return JSON5.parse(readSmallFile(file));
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
