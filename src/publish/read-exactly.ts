import type { FileHandle } from 'node:fs/promises';

/**
 * Reads a part of a file.
 * @param position of its first byte
 * @throws when the file ends before it
 */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new Error('unexpected end of file');
  return buffer;
}
