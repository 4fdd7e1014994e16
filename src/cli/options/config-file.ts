import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import Type, { type Static } from 'typebox';
import { OtaError } from '../../errors.ts';
import { CreateReleaseRequest } from '../../protocol/messages.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';

export const CONFIG_FILE = 'synckit-ota.config.json';

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

export interface ConfigFile extends Omit<Static<typeof Settings>, 'artifacts'> {
  readonly artifacts?: ArtifactPatterns;
}

/**
 * Reads the nearest `synckit-ota.config.json`, from `folder` upwards; empty when there is none.
 * @throws OtaError `usage` when it cannot be read, has unknown settings, or contains a token
 */
export function readConfigFile(folder: string): ConfigFile {
  const file = nearest(resolve(folder));
  if (file === undefined) return {};
  const value = parse(file);
  if (typeof value === 'object' && value !== null && 'token' in value) {
    throw new OtaError('usage', `${file} contains a token, which would be committed with it`, {
      hint: 'Remove it, revoke that token, and set a new one in SYNCKIT_OTA_TOKEN.',
    });
  }
  if (matches(Settings, value)) {
    const { artifacts: patterns, ...settings } = value;
    const home = isAbsolute(folder) ? dirname(file) : relative('', dirname(file)) || '.';
    return {
      ...settings,
      ...(value.pubkey && { pubkey: fromFolder(file, value.pubkey) }),
      ...(patterns && { artifacts: { file, folder: home, patterns } }),
    };
  }
  const known = Object.keys(Settings.properties);
  const unknown = Object.keys(value ?? {}).filter((name) => !known.includes(name));
  const issues =
    unknown.length > 0
      ? [
          `unknown ${unknown.length === 1 ? 'setting' : 'settings'} ${unknown.map((name) => `"${name}"`).join(', ')}`,
        ]
      : fieldErrors(Settings, value).map(({ field, message }) => `${field} ${message}`);
  throw new OtaError('usage', `invalid config file ${file}: ${issues.join('; ')}`, {
    hint: `Settings are ${known.join(', ')}.`,
  });
}

/** A path in the file is relative to the file's folder; a value that is no file there is used as it is. */
function fromFolder(configFile: string, value: string): string {
  const path = resolve(dirname(configFile), value);
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
    return JSON.parse(readSmallFile(file).replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
