import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import Type, { type Static } from 'typebox';
import { OtaError } from '../../errors.ts';
import { CreateReleaseBody } from '../../protocol/messages.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import { readSmallFile } from '../../runtime/small-file.ts';

export const CONFIG_FILE = 'synckit-ota.config.json';

/** What a project may write down for its publishes. Never a token. */
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
    // The words of --expect, which is read in its place.
    expect: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, description: 'a list of platforms, like linux-x86_64' }),
    ),
    channel: CreateReleaseBody.properties.channel,
  },
  { additionalProperties: false },
);

/** Patterns of files by the platform they are for, in the words of `--artifact`. */
export interface ArtifactPatterns {
  /** The config file they stand in. */
  readonly file: string;
  /** The folder they are meant from: the file's. Relative where the folder that was asked for is. */
  readonly folder: string;
  readonly patterns: Readonly<Record<string, string>>;
}

export interface ConfigFile extends Omit<Static<typeof Settings>, 'artifacts'> {
  readonly artifacts?: ArtifactPatterns;
}

/**
 * Reads the nearest `synckit-ota.config.json`, from `folder` upwards; empty when there is none.
 * @throws OtaError `usage` when it cannot be read, has unknown settings, or holds a token
 */
export function readConfigFile(folder: string): ConfigFile {
  const file = nearest(resolve(folder));
  if (file === undefined) return {};
  const value = parse(file);
  if (typeof value === 'object' && value !== null && 'token' in value) {
    throw new OtaError('usage', `${file} holds a token, and would be committed with it`, {
      hint: 'Remove it, revoke that token, and give a new one in SYNCKIT_OTA_TOKEN.',
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
      ? [`it has no setting ${unknown.join(', ')}`]
      : fieldErrors(Settings, value).map(({ field, message }) => `${field} ${message}`);
  throw new OtaError('usage', `${file} is not as it should be: ${issues.join('; ')}`, {
    hint: `It may have ${known.join(', ')}.`,
  });
}

/** A path in the file is meant from the file's folder; what is no file there is taken as it is. */
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
    throw new OtaError('usage', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
