import { extname } from 'node:path';
import JSON5 from 'json5';
import { parse as parseToml } from 'smol-toml';
import { OtaError } from '../../errors.ts';
import { errorCode, firstLineOf, messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { isTable, type Table } from './table.ts';

/** A configuration, or a part of one, and where it was read. */
export interface ConfigLayer {
  /** A file, or an option or a variable: for messages. */
  readonly source: string;
  readonly value: unknown;
}

/**
 * Reads a configuration in the format that its name ends with, as Tauri does: TOML, else JSON, which may be JSON5.
 * @throws OtaError `usage` when it does not exist, cannot be read or is invalid
 */
export function readConfigValue(file: string): unknown {
  return parseConfig(readConfigText(file), file);
}

/**
 * Parses what `readConfigText` read.
 * @throws OtaError `usage` when it is invalid
 */
export function parseConfig(text: string, file: string): unknown {
  const isToml = extname(file).toLowerCase() === '.toml';
  try {
    return isToml ? parseToml(text) : JSON5.parse(text);
  } catch (cause) {
    const fault = isToml ? 'is not valid TOML' : 'cannot be read';
    throw new OtaError('usage', `${file} ${fault}: ${firstLineOf(cause)}`, { cause });
  }
}

/** @throws OtaError `usage` that says what is there instead of a file */
export function readConfigText(file: string): string {
  try {
    return readSmallFile(file);
  } catch (cause) {
    throw new OtaError('usage', `${file} ${reasonOf(cause)}`, { cause });
  }
}

/**
 * A value of `tauri build --config`: JSON, or a file in any format of a configuration.
 * @param source names JSON in messages @throws OtaError `usage` when it is neither
 */
export function readConfigLayer(text: string, source: string): ConfigLayer {
  if (text.trimStart().startsWith('{')) return parseConfigLayer(text, source);
  return { source: text, value: requireTable(readConfigValue(text), text) };
}

/** JSON, and nothing else: Tauri reads it strictly where it is no file. @throws OtaError `usage` when it is not */
export function parseConfigLayer(text: string, source: string): ConfigLayer {
  return { source, value: requireTable(parseJson(text, source), source) };
}

function parseJson(text: string, source: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch (cause) {
    throw new OtaError('usage', `${source} is not valid JSON: ${firstLineOf(cause)}`, { cause });
  }
}

function requireTable(value: unknown, source: string): Table {
  if (isTable(value)) return value;
  throw new OtaError('usage', `${source} is not a configuration: it has to be an object`);
}

function reasonOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist';
    case 'EISDIR':
      return 'is a folder, not a file';
    default:
      return `cannot be read: ${messageOf(error)}`;
  }
}
