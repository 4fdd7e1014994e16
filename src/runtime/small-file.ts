import { readFileSync, statSync } from 'node:fs';
import { decodeText } from './text/decode-text.ts';

const MAX_BYTES = 16 * 1024 * 1024;

/** `<(command)` and standard input, as a shell passes them. */
const FROM_SHELL = /^\/(dev\/(fd\/\d+|stdin)|proc\/self\/fd\/\d+)$/;

/**
 * Reads a file that a person wrote, but no named pipe or device, which could block the process.
 * @throws Error with Node's `code`; TextEncodingError
 */
export function readSmallFile(path: string): string {
  if (!FROM_SHELL.test(path)) {
    const stats = statSync(path);
    if (!stats.isFile() && !stats.isDirectory()) throw new Error('it is not a regular file');
    if (stats.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
  }
  return decodeText(readFileSync(path));
}

/** The same for standard input. @throws TextEncodingError */
export function readStdin(): string {
  return decodeText(readFileSync(0));
}
