import { readFileSync, statSync } from 'node:fs';

/** Largest file that is read whole as text, in bytes: no configuration, key or notes are near it. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What the shell hands over: `<(command)`, and standard input. */
const HANDED_OVER = /^\/(dev\/(fd\/\d+|stdin)|proc\/self\/fd\/\d+)$/;

/**
 * Reads a small text file. A pipe by name would hold the process until somebody writes to it, deaf to signals, and a
 * device may never end: only what the shell hands over is taken that is no file.
 * @throws Error saying why it cannot be read, with Node's code where it has one
 */
export function readSmallFile(path: string): string {
  if (!HANDED_OVER.test(path)) {
    const stats = statSync(path);
    if (!stats.isFile() && !stats.isDirectory()) throw new Error('it is no regular file');
    if (stats.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
  }
  return readFileSync(path, 'utf8');
}
