import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The prefix of all tokens, by which secret scanners recognise them. */
export const TOKEN_PREFIX = 'sko_';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 30; // of 62 characters each: 178 bits
const CHECKSUM_LENGTH = 6; // enough for a CRC-32
const TOKEN = new RegExp(`^${TOKEN_PREFIX}([0-9A-Za-z]{${RANDOM_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`);

/** A new token: prefix, random part, and a checksum to distinguish a mistyped token from a revoked one. */
export function generateToken(): string {
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return TOKEN_PREFIX + random + checksum(random);
}

/** Whether prefix, length, alphabet and checksum are right. The token may still be unknown. */
export function isWellFormedToken(text: string): boolean {
  const match = TOKEN.exec(text);
  return match?.[1] !== undefined && checksum(match[1]) === match[2];
}

/** SHA-256 in hexadecimal: all that is stored of a token. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares in constant time. */
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
