import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What every token of this server starts with, so that secret scanners know one. */
export const TOKEN_PREFIX = 'sko_';

/** What a token may be used for. A route names the scope it needs (`protocol/routes.ts`). */
export const SCOPES = ['release:read', 'release:write', 'release:delete', 'app:admin'] as const;
export type Scope = (typeof SCOPES)[number];

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 30 characters of 62 hold 178 random bits. */
const RANDOM_LENGTH = 30;
/** 6 characters of 62 hold a CRC-32. */
const CHECKSUM_LENGTH = 6;
const TOKEN = new RegExp(`^${TOKEN_PREFIX}([0-9A-Za-z]{${RANDOM_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`);

/** A fresh token: prefix, 178 random bits, and a checksum that tells a mistyped token from a revoked one. */
export function generateToken(): string {
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return TOKEN_PREFIX + random + checksum(random);
}

/** Whether the text is whole: right prefix, length, alphabet and checksum. Says nothing about whether it is known. */
export function isWellFormedToken(text: string): boolean {
  const match = TOKEN.exec(text);
  return match?.[1] !== undefined && checksum(match[1]) === match[2];
}

/** SHA-256 of the token, hex: all that is ever stored of it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares two digests' texts in constant time. */
export function equalDigests(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function checksum(random: string): string {
  let value = crc32(random);
  let text = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    text = ALPHABET[value % ALPHABET.length] + text;
    value = Math.floor(value / ALPHABET.length);
  }
  return text;
}
