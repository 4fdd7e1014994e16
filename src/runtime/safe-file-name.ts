/** In UTF-8, which leaves a browser room for ` (1)` within a file system's 255 bytes. */
const MAX_NAME_BYTES = 200;
const MAX_EXTENSION = 20;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they would end a header, or hide what a name ends in
const UNSAFE = /[\x00-\x1f\x7f-\x9f<>:"|?*]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Names of devices on Windows, with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$)\s*(?:\.|$)/i;

/** A name without a path, that every file system and header takes; empty if nothing is left. */
export function safeFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const clean = trimmed(last.normalize('NFC').replace(UNSAFE, '_'));
  return shorten(DEVICE.test(clean) ? `_${clean}` : clean);
}

/** Hidden on Unix; Windows leaves out what stands at the end. */
function trimmed(name: string): string {
  return name.replace(/^[\s.]+/u, '').replace(/(?<![\s.])[\s.]+$/u, '');
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const ending = /(?:\.[a-z]\w*){1,3}$/i.exec(name.slice(-MAX_EXTENSION))?.[0] ?? '';
  const characters = [...name.slice(0, Math.min(name.length - ending.length, MAX_NAME_BYTES))];
  while (Buffer.byteLength(characters.join('') + ending) > MAX_NAME_BYTES) characters.pop();
  return trimmed(characters.join('')) + ending;
}
