import { existsSync } from 'node:fs';
import { shownUrl, withShownUrl } from '../../client/shown-url.ts';
import { OtaError } from '../../errors.ts';
import { issuesOf } from '../../issue.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import { isReservedSlug, isSlug, SLUG_RULE } from '../../protocol/slug.ts';
import { isWellFormedToken, TOKEN_PREFIX } from '../../protocol/token.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { readSmallFile, readStdin } from '../../runtime/small-file.ts';
import { isPrivateKey, readKeyFile } from './key-file.ts';
import type { OptionErrors } from './option-errors.ts';
import { DAY_MS, readDuration } from './quantities.ts';
import type { RemoteOptions } from './shared-options.ts';

/** In characters. */
const MAX_NAME = 100;
/** How much of a value that is no key a message shows. */
const MAX_SHOWN = 60;

/** The base URL of the server. */
export function readServer(text: string | undefined, errors: OptionErrors): URL | undefined {
  if (!text) {
    errors.add('no server given: pass --server URL or set SYNCKIT_OTA_SERVER');
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    errors.add(
      `${withShownUrl('--server', text)} is not an http(s) URL: give it like https://updates.example.com`,
    );
    return undefined;
  }
  if (url.username || url.password || url.search || url.hash || shownUrl(text) === undefined) {
    errors.add('--server must not have credentials, a query or a fragment: give the token with --token-file');
    return undefined;
  }
  return url;
}

export function readApp(text: string | undefined, errors: OptionErrors): string {
  const id = text?.trim() ?? '';
  if (id === '') errors.add('no app given: pass --app ID or set SYNCKIT_OTA_APP');
  return id;
}

/** A name for people: one line, of at most 100 characters. @param what it names, for messages */
export function readName(text: string, what: string, errors: OptionErrors): string {
  const name = text.trim();
  if (name === '') errors.add(`the name of the ${what} is empty: give one`);
  else if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name))
    errors.add(`the name of the ${what} has line breaks or control characters: leave them out`);
  else if ([...name].length > MAX_NAME)
    errors.add(`the name of the ${what} is longer than ${MAX_NAME} characters: shorten it`);
  return name;
}

/** A slug that may be registered; undefined when none is given. */
export function readSlug(text: string | undefined, errors: OptionErrors): string | undefined {
  if (text === undefined) return undefined;
  const slug = text.trim();
  if (!isSlug(slug)) errors.add(`"${slug}" is not a slug: use ${SLUG_RULE}`);
  else if (isReservedSlug(slug)) errors.add(`the slug ${slug} is reserved: choose another`);
  return slug;
}

/** What a token is copied along with from JSON, YAML or a chat. */
const QUOTED = /^["'`“‘]|["'`”’]$/;

/**
 * The bearer token: from its file (`-` is stdin), else the flag, else the environment. Empty if none is given.
 * @param inEnvironment the variable's value, which `token` has where no flag was given
 */
export function readToken(
  { token, tokenFile }: Pick<RemoteOptions, 'token' | 'tokenFile'>,
  errors: OptionErrors,
  inEnvironment?: string,
): string {
  if (tokenFile && token && token !== inEnvironment) {
    errors.add('--token and --token-file are both given: leave one out');
    return '';
  }
  const given = tokenFile ? errors.attempt(() => readTextFile(tokenFile, '--token-file')) : (token ?? '');
  if (given === undefined) return '';
  const text = given.trim();
  if (text === '' && !tokenFile) return '';
  if (QUOTED.test(text)) {
    errors.add('the token has quotes around it: leave them out');
  } else if (text === '' || /[^\x21-\x7e]/.test(text)) {
    errors.add('the token is empty or contains spaces or line breaks: remove the extra whitespace');
  } else if (text.startsWith(TOKEN_PREFIX) && !isWellFormedToken(text)) {
    errors.add('the token is mistyped or cut off (its checksum is wrong): copy it again');
  }
  return text;
}

/**
 * A minisign public key from its text, from a file that holds it, or from a Tauri configuration.
 * Undefined when none is given.
 * @param source the option or the setting, for messages
 */
export function readPublicKey(
  value: string | undefined,
  errors: OptionErrors,
  source = '--pubkey',
): PublicKey | undefined {
  if (!value) return undefined;
  const key = parsePublicKey(value);
  if (key !== undefined) return { ...key, source };
  if (isPrivateKey(value)) {
    errors.add(
      `${source} is a private key: give the content of the .pub file beside it, and keep this one secret`,
    );
    return undefined;
  }
  if (!existsSync(value)) {
    const given = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
    errors.add(
      `${source} ${given} does not exist, and is not itself a minisign public key: ` +
        "name the signer's .pub file or a Tauri configuration, or give plugins.updater.pubkey of one as it is",
    );
    return undefined;
  }
  const read = readKeyFile(value, source);
  errors.addIssues(issuesOf(read));
  return read.kind === 'ok' ? read.value : undefined;
}

/** Reads `--wait`: `90s`, `5m`, `1h`, or `0`. @returns milliseconds; undefined when it is not given */
export function readWait(text: string | undefined, errors: OptionErrors): number | undefined {
  if (text === undefined) return undefined;
  const or = '; or 0 to try only once';
  return readDuration({ option: '--wait', text, min: 0, max: DAY_MS, or }, errors);
}

export interface IntegerOption {
  /** Its name, for messages. */
  readonly option: string;
  readonly text: string;
  readonly min: number;
  /** Undefined: as large as a number can be. */
  readonly max?: number;
}

/** A whole number in a range. */
export function readInteger({ option, text, min, max }: IntegerOption, errors: OptionErrors): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER)) return value;
  const range = max === undefined ? `${min} or more` : `from ${min} to ${max}`;
  errors.add(`${option} ${text} must be a whole number, ${range}`);
  return min;
}

/** The option that read stdin, which can be read only once. */
let stdinReader: string | undefined;

/** A text file, or stdin for `-`, decoded strictly (`decodeText`). @param option names it in messages @throws OtaError `usage` */
export function readTextFile(path: string, option: string): string {
  if (path === '-' && stdinReader !== undefined && stdinReader !== option) {
    throw new OtaError('usage', `${stdinReader} and ${option} cannot both read stdin`, {
      hint: 'Put one in a file.',
    });
  }
  if (path === '-') stdinReader = option;
  try {
    return path === '-' ? readStdin() : readSmallFile(path);
  } catch (cause) {
    const reason = errorCode(cause) === 'ENOENT' ? 'does not exist' : messageOf(cause);
    throw new OtaError('usage', `${option} ${path} cannot be read: ${reason}`, { cause });
  }
}
