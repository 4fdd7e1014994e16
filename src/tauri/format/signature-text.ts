import { decodeText, TextEncodingError } from '../../runtime/text/decode-text.ts';

export type SignatureText =
  | { readonly kind: 'text'; readonly text: string }
  /** It is no text at all, like the 64 bytes of `openssl pkeyutl -sign` or a signature of `gpg --detach-sign`. */
  | { readonly kind: 'binary'; readonly base64: string }
  /** Text in an unknown encoding. */
  | { readonly kind: 'undecodable'; readonly reason: string };

/** Only text has these, whatever its encoding. */
const TEXT_MARKS = ['untrusted comment:', 'trusted comment:', '-----BEGIN '];

/** A signature as it is sent and served: its text, trimmed; the bytes of a binary one as base64, so that none is lost. */
export function signatureText(bytes: Buffer): SignatureText {
  const text = decoded(bytes);
  if (typeof text === 'string' && isSignatureText(text)) {
    return { kind: 'text', text: text.trim() }; // a line break at the end breaks every client
  }
  const looksLikeText = TEXT_MARKS.some((mark) => bytes.includes(mark) || bytes.includes(mark, 0, 'utf16le'));
  if (text instanceof TextEncodingError && looksLikeText)
    return { kind: 'undecodable', reason: text.message };
  return { kind: 'binary', base64: bytes.toString('base64') };
}

function decoded(bytes: Buffer): string | TextEncodingError {
  try {
    return decodeText(bytes);
  } catch (error) {
    if (error instanceof TextEncodingError) return error;
    throw error;
  }
}

/** Every format of a signature is mostly ASCII without control characters; bytes can look like UTF-16 by chance. */
function isSignatureText(text: string): boolean {
  const visible = text.replace(/[\t\n\r]/g, '');
  const ascii = visible.replace(/[^\x20-\x7e]/g, '');
  return !/\p{Cc}/u.test(visible) && ascii.length * 2 >= visible.length;
}
