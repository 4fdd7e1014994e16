import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import Type from 'typebox';
import { OtaError } from '../../errors.ts';
import { withoutEndSlashes } from '../../protocol/routes.ts';
import { matches } from '../../protocol/validate.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { createPrivateFile } from '../../runtime/private-file.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import type { Environment } from '../environment.ts';

/** Tokens by the server's base URL. */
const Tokens = Type.Record(Type.String(), Type.String());

const FILE = 'tokens.json';
const WORDS = { folder: 'the folder of settings', hint: 'Set SYNCKIT_OTA_TOKEN instead.' };

/** The tokens that `login` keeps for a person, in a file that only this user can read. */
export class KeptTokens {
  readonly #folder: string;

  /** @param environment of the process: `XDG_CONFIG_HOME`, or `APPDATA` on Windows */
  constructor({ XDG_CONFIG_HOME, APPDATA }: Environment) {
    const base = XDG_CONFIG_HOME || (process.platform === 'win32' && APPDATA) || join(homedir(), '.config');
    this.#folder = join(base, 'synckit-ota');
  }

  get file(): string {
    return join(this.#folder, FILE);
  }

  /** @throws OtaError `usage` when the file cannot be read */
  find(server: URL): string | undefined {
    return this.#read()[nameOf(server)];
  }

  keep(server: URL, token: string): void {
    this.#write({ ...this.#read(), [nameOf(server)]: token });
  }

  /** @returns whether there was one */
  forget(server: URL): boolean {
    const { [nameOf(server)]: token, ...others } = this.#read();
    if (token !== undefined) this.#write(others);
    return token !== undefined;
  }

  #read(): Record<string, string> {
    try {
      const value: unknown = parseBoundedJson(readFileSync(this.file, 'utf8'));
      if (matches(Tokens, value)) return value;
      throw new Error('it is not what `login` writes');
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return {};
      const message = `${this.file} cannot be read: ${messageOf(cause)}`;
      throw new OtaError('usage', message, { cause, hint: 'Remove it, and log in again.' });
    }
  }

  /** Whole or not at all, and never readable by others. */
  #write(tokens: Record<string, string>): void {
    const temporary = `${FILE}.${process.pid}`;
    createPrivateFile(this.#folder, temporary, WORDS);
    const path = join(this.#folder, temporary);
    try {
      writeFileSync(path, `${JSON.stringify(tokens, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(path, this.file);
    } finally {
      rmSync(path, { force: true });
    }
  }
}

/** A job gets its token from its own settings: one that a person left on a runner is not its own. */
export function isCi({ CI = '', GITHUB_ACTIONS }: Environment): boolean {
  return !['', '0', 'false'].includes(CI.toLowerCase()) || GITHUB_ACTIONS === 'true';
}

function nameOf(server: URL): string {
  return withoutEndSlashes(server.href);
}
