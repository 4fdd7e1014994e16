import { readFileSync } from 'node:fs';
import { OtaError } from '../../errors.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import { isReservedSlug, isSlug, SLUG_RULE } from '../../protocol/slug.ts';
import { isWellFormedToken, TOKEN_PREFIX } from '../../protocol/token.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import type { OptionErrors } from './option-errors.ts';

/** What every remote command takes, as commander leaves it. */
export interface RemoteOptions {
  readonly server?: string;
  readonly app?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

/** The base URL of the server. */
export function readServer(text: string | undefined, problems: OptionErrors): URL | undefined {
  if (!text) {
    problems.add('no server is given: pass --server URL or set SYNCKIT_OTA_SERVER');
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    problems.add(`--server ${text} is not an http(s) URL: give it like https://updates.example.com`);
    return undefined;
  }
  if (url.username || url.password || url.search || url.hash) {
    problems.add('--server may have no credentials, query or fragment: give the token with --token-file');
    return undefined;
  }
  return url;
}

export function readApp(text: string | undefined, problems: OptionErrors): string {
  if (!text) problems.add('no app is given: pass --app ID or set SYNCKIT_OTA_APP');
  return text ?? '';
}

/** A slug that may be registered; undefined when none is given. */
export function readSlug(slug: string | undefined, problems: OptionErrors): string | undefined {
  if (slug === undefined) return undefined;
  if (!isSlug(slug)) problems.add(`"${slug}" is not a slug: use ${SLUG_RULE}`);
  else if (isReservedSlug(slug)) problems.add(`the slug ${slug} is reserved: choose another`);
  return slug;
}

/** The bearer token: from its file (`-` is stdin), else the flag, else the environment. */
export function readToken({ token, tokenFile }: RemoteOptions, problems: OptionErrors): string {
  const given = tokenFile ? problems.attempt(() => readTextFile(tokenFile, '--token-file')) : (token ?? '');
  if (given === undefined) return '';
  const text = given.trim();
  if (text === '' && !tokenFile) {
    problems.add('no token is given: pass --token-file PATH (- for stdin) or set SYNCKIT_OTA_TOKEN');
  } else if (text === '' || /[^\x21-\x7e]/.test(text)) {
    problems.add('the token is empty or has spaces or line breaks in it: give it alone');
  } else if (text.startsWith(TOKEN_PREFIX) && !isWellFormedToken(text)) {
    problems.add('the token is mistyped or cut off (its checksum is wrong): copy it again');
  }
  return text;
}

/**
 * A minisign public key from its text, from a file that holds it, or from a `tauri.conf.json`.
 * Undefined when none is given.
 */
export function readPublicKey(value: string | undefined, problems: OptionErrors): PublicKey | undefined {
  if (!value) return undefined;
  const key = parsePublicKey(value) ?? keyInFile(value);
  if (key === undefined) {
    problems.add(
      `--pubkey ${value.slice(0, 60)} is neither a minisign public key nor a file that holds one: ` +
        "give plugins.updater.pubkey of tauri.conf.json, or the signer's .pub file",
    );
  }
  return key;
}

/** A whole number in a range. */
export function readInteger(
  flag: string,
  text: string,
  range: { min: number; max: number },
  problems: OptionErrors,
): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  problems.add(`${flag} ${text} must be a whole number from ${range.min} to ${range.max}`);
  return range.min;
}

/** The flag that read stdin: it can be read once. */
let stdinGivenTo: string | undefined;

/** A text file, or stdin for `-`. @throws OtaError `usage` */
export function readTextFile(path: string, flag: string): string {
  if (path === '-' && stdinGivenTo !== undefined && stdinGivenTo !== flag) {
    throw new OtaError('usage', `stdin cannot give both ${stdinGivenTo} and ${flag}`, {
      hint: 'Put one in a file.',
    });
  }
  if (path === '-') stdinGivenTo = flag;
  try {
    return path === '-' ? readFileSync(0, 'utf8') : readSmallFile(path);
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : (cause as Error).message;
    throw new OtaError('usage', `${flag} ${path} cannot be read: ${reason}`, { cause });
  }
}

function keyInFile(path: string): PublicKey | undefined {
  try {
    const text = readSmallFile(path);
    const direct = parsePublicKey(text);
    if (direct !== undefined) return direct;
    const config = JSON.parse(text) as { plugins?: { updater?: { pubkey?: unknown } } };
    return parsePublicKey(String(config.plugins?.updater?.pubkey ?? ''));
  } catch {
    return undefined;
  }
}
