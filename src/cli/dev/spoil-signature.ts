/** A minisign signature in Tauri's base64, of the same key, that no longer verifies. */
export function spoilSignature(text: string): string {
  const minisign = Buffer.from(text, 'base64').toString('utf8');
  const [, line = ''] = minisign.split('\n');
  const bytes = Buffer.from(line, 'base64');
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return Buffer.from(minisign.replace(line, () => bytes.toString('base64'))).toString('base64');
}
