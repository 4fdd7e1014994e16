import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import JSON5 from 'json5';
import Type, { type Static } from 'typebox';
import { OtaError } from '../../errors.ts';
import { CreateReleaseRequest } from '../../protocol/messages.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { isTable } from '../../tauri/project/table.ts';
import type { OptionErrors } from './option-errors.ts';

export const CONFIG_FILE = 'synckit-ota.config.json';

/** A value of `tauri build --config`: a path, or the configuration itself. */
const Overlay = Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())]);

/** The settings of a config file. Never a token. */
const Settings = Type.Object(
  {
    server: Type.Optional(Type.String()),
    app: Type.Optional(Type.String()),
    slug: Type.Optional(Type.String()),
    pubkey: Type.Optional(Type.String()),
    concurrency: Type.Optional(Type.Integer()),
    artifacts: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        minProperties: 1,
        description: 'an object of platforms, like linux-x86_64, and patterns of files',
      }),
    ),
    // As in --expect, which wins over it.
    expect: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, description: 'a list of platforms, like linux-x86_64' }),
    ),
    channel: CreateReleaseRequest.properties.channel,
    config: Type.Optional(
      Type.Union([Overlay, Type.Array(Overlay)], {
        description: 'a path, an object, or a list of these, as given to `tauri build --config`',
      }),
    ),
    $schema: Type.Optional(Type.String()), // for editors
  },
  { additionalProperties: false },
);

/** File patterns by platform, as in `--artifact`. */
export interface ArtifactPatterns {
  /** The config file. */
  readonly file: string;
  /** The file's folder, which patterns are relative to. Relative itself if the project's path was. */
  readonly folder: string;
  readonly patterns: Readonly<Record<string, string>>;
}

export interface ConfigFile extends Omit<Static<typeof Settings>, 'artifacts' | 'config' | '$schema'> {
  readonly artifacts?: ArtifactPatterns;
  /** What `tauri build --config` was given: paths, or JSON. */
  readonly config?: readonly string[];
  /** Something is wrong with the file, which was reported: what it would set is unknown, but not missing. */
  readonly unreadable?: true;
}

/** Names the config file's key in messages. */
export const PUBKEY_SOURCE = `pubkey in ${CONFIG_FILE}`;

/** `readConfigFile`, with a fault added to `errors`. */
export function readConfigFileInto(errors: OptionErrors, folder: string): ConfigFile {
  return errors.attempt(() => readConfigFile(folder)) ?? { unreadable: true };
}

/**
 * Reads the nearest `synckit-ota.config.json`, from `folder` upwards; empty when there is none. Blank values count as
 * absent. Comments are allowed (JSON5).
 * @throws OtaError `usage` when it cannot be read, has unknown settings, or contains a token
 */
export function readConfigFile(folder: string): ConfigFile {
  const file = nearest(resolve(folder));
  if (file === undefined) return {};
  const value = withoutBlanks(parse(file));
  if (isTable(value) && 'token' in value) {
    throw new OtaError('usage', `${file} contains a token, which would be committed with it`, {
      hint: 'Remove it, revoke that token, and set a new one in SYNCKIT_OTA_TOKEN.',
    });
  }
  if (!matches(Settings, value)) throw invalid(file, value);
  const { artifacts: patterns, config, $schema: _, ...settings } = value;
  const home = isAbsolute(folder) ? dirname(file) : relative('', dirname(file)) || '.';
  return {
    ...settings,
    ...(value.pubkey && { pubkey: fromFolder(home, value.pubkey) }),
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
          `unknown ${unknown.length === 1 ? 'setting' : 'settings'} ${unknown.map((name) => `"${name}"`).join(', ')}`,
        ]
      : fieldErrors(Settings, value).map(({ field, message }) => `${field} ${message}`);
  return new OtaError('usage', `invalid config file ${file}: ${issues.join('; ')}`, {
    hint: `Settings are ${known.join(', ')}.`,
  });
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

function overlayFrom(folder: string, overlay: Static<typeof Overlay>): string {
  if (typeof overlay !== 'string') return JSON.stringify(overlay);
  return overlay.trimStart().startsWith('{') || isAbsolute(overlay) ? overlay : join(folder, overlay);
}

/** A path in the file is relative to the file's folder; a value that is no file there is used as it is. */
function fromFolder(folder: string, value: string): string {
  const path = isAbsolute(value) ? value : join(folder, value);
  return existsSync(path) ? path : value;
}

function nearest(folder: string): string | undefined {
  const file = join(folder, CONFIG_FILE);
  if (existsSync(file)) return file;
  const parent = dirname(folder);
  return parent === folder ? undefined : nearest(parent);
}

function parse(file: string): unknown {
  try {
    return JSON5.parse(readSmallFile(file));
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
