import { randomUUID } from 'node:crypto';

/** Stands before each escape sequence of this program. No text from outside has it, so none brings colours of its own. */
const MARK = `\0${randomUUID()}`;

const CODE = new RegExp(`${MARK}(\\u001b\\[\\d{1,2}m)`, 'g');

/** @param open, close escape sequences that set and reset a colour */
export function coloredText(
  text: string,
  { open, close }: { readonly open: string; readonly close: string },
): string {
  return marked(open) + text + marked(close);
}

/** Maps what stands between the colours. @param keep whether the colours stay */
export function mapColoredText(text: string, map: (part: string) => string, keep: boolean): string {
  const parts = text.split(CODE); // each second one is a colour
  return parts.map((part, index) => (index % 2 === 0 ? map(part) : keep ? part : '')).join('');
}

export function withoutColors(text: string): string {
  return mapColoredText(text, (part) => part, false);
}

function marked(codes: string): string {
  return codes.replaceAll('\u001b', `${MARK}\u001b`);
}
