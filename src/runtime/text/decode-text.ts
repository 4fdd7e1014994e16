import { isUtf8 } from 'node:buffer';

/** Bytes in an unknown encoding. Its message follows "cannot be read: ". */
export class TextEncodingError extends Error {
  override readonly name = 'TextEncodingError';
  readonly offset: number; // of the first byte that does not belong there

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

interface ByteOrderMark {
  readonly bytes: readonly number[];
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32';
}

/** The longer ones first: that of UTF-32 LE begins with that of UTF-16 LE. */
const BYTE_ORDER_MARKS: readonly ByteOrderMark[] = [
  { bytes: [0xff, 0xfe, 0, 0], encoding: 'utf-32' },
  { bytes: [0, 0, 0xfe, 0xff], encoding: 'utf-32' },
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
];

/**
 * Decodes what a person wrote: UTF-8, with or without a byte order mark, or UTF-16 with one, as PowerShell and Notepad
 * write it. Nothing is ever replaced: a character that is lost here would be lost in every installed app.
 * @returns the text without its byte order mark
 * @throws TextEncodingError for everything else, also for NUL, which no text has
 */
export function decodeText(bytes: Buffer): string {
  const { bytes: mark, encoding } =
    BYTE_ORDER_MARKS.find((known) => startsWith(bytes, known.bytes)) ?? NO_MARK;
  if (encoding === 'utf-32') throw new TextEncodingError('it is UTF-32: save it as UTF-8', 0);
  const content = bytes.subarray(mark.length);
  return encoding === 'utf-8'
    ? decodeUtf8(content, mark.length)
    : decodeUtf16(encoding === 'utf-16be' ? swapped(content) : content, mark.length);
}

const NO_MARK: ByteOrderMark = { bytes: [], encoding: 'utf-8' };

function startsWith(bytes: Buffer, start: readonly number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}

function decodeUtf8(bytes: Buffer, startInFile: number): string {
  if (!isUtf8(bytes)) {
    const at = firstInvalid(bytes);
    const found = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
    throw new TextEncodingError(
      `it is not UTF-8: byte 0x${found} at offset ${startInFile + at}; save it as UTF-8`,
      startInFile + at,
    );
  }
  const nul = bytes.indexOf(0);
  if (nul < 0) return bytes.toString('utf8');
  const utf16 = looksLikeUtf16(bytes)
    ? 'it is not UTF-8 but looks like UTF-16 without a byte order mark'
    : 'it contains NUL, so it is no text';
  throw new TextEncodingError(
    `${utf16}: byte 0x00 at offset ${startInFile + nul}; save it as UTF-8`,
    startInFile + nul,
  );
}

function decodeUtf16(bytes: Buffer, startInFile: number): string {
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 2));
  const text = whole.toString('utf16le');
  const wrong = text.isWellFormed() ? text.indexOf('\0') : loneSurrogate(text);
  if (wrong < 0 && whole.length === bytes.length) return text;
  const at = startInFile + (wrong < 0 ? whole.length : wrong * 2);
  const found = wrong < 0 ? 'half a character' : text[wrong] === '\0' ? 'NUL' : 'half of a surrogate pair';
  throw new TextEncodingError(`it is not UTF-16: ${found} at offset ${at}; save it as UTF-8`, at);
}

/** Big-endian UTF-16 as little-endian; the bytes may be a view of a file that is used again. */
function swapped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.subarray(0, copy.length - (copy.length % 2)).swap16();
  return copy;
}

/** The start of the first sequence that is not UTF-8. A decoder that is fed in halves finds it in few steps. */
function firstInvalid(bytes: Buffer): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (middle <= bytes.length && isBeginning(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  let at = valid; // which may be inside the sequence
  while (!isUtf8(bytes.subarray(0, at))) at -= 1;
  return at;
}

function isBeginning(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function loneSurrogate(text: string): number {
  return text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
}

/** Whether every other byte of the beginning is NUL, as in Latin letters. */
function looksLikeUtf16(bytes: Buffer): boolean {
  const beginning = [...bytes.subarray(0, Math.min(64, bytes.length - (bytes.length % 2)))];
  const nuls = (odd: number) => beginning.filter((byte, index) => index % 2 === odd && byte === 0).length;
  return Math.max(nuls(0), nuls(1)) > beginning.length / 4 && Math.min(nuls(0), nuls(1)) === 0;
}
