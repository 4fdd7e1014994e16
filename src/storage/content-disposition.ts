import { safeFileName } from '../runtime/safe-file-name.ts';

/** Characters that no proxy encodes in another way than it received them: the name is part of what a URL signs. */
const NOT_IN_URLS = /[^\w.-]+/g;
const NOT_QUOTABLE = /[^\x20-\x7e]|["\\/%]/g;

/** For a name of which nothing can be kept. */
const NAMELESS = 'download';

/** Has browsers save a response as a file (RFC 6266); a name beyond ASCII is given in both forms. Both are safe. */
export function contentDisposition(fileName: string): string {
  const name = safeFileName(fileName) || NAMELESS;
  const plain = toAscii(name);
  const extended = plain === name ? '' : `; filename*=UTF-8''${encodeExtended(name)}`;
  return `attachment; filename="${plain}"${extended}`;
}

/** For the end of a URL's path, where some clients look for the name. */
export function urlFileName(fileName: string): string {
  return toAscii(safeFileName(fileName)).replace(NOT_IN_URLS, '_');
}

/**
 * Letters without their accents; whole characters, so that an emoji becomes one underscore. Some decompose into dots,
 * slashes or the letters of a device.
 */
function toAscii(text: string): string {
  const decomposed = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\p{ASCII}]/gu, '_');
  return safeFileName(decomposed.replace(NOT_QUOTABLE, '_')) || NAMELESS;
}

/** RFC 8187, section 3.2. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
