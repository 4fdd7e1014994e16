import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

/** A text that differs once a file is written, or another takes its place. */
export function identityOf({ dev, ino, size, mtimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs}`;
}

/** Undefined when there is no file, or no longer. */
export async function findIdentity(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && identityOf(found);
}
