import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { OtaError } from '../../errors.ts';

/** A file as it was when it was planned. */
export interface PlannedFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** What differs once a file is written or another takes its place; undefined when there is none. */
export async function identify({ file }: PlannedFile): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && identityOf(found);
}

export function identityOf({ dev, ino, size, mtimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs}`;
}

/** It may not be what is to be published any more. */
export function changedMeanwhile({ file }: PlannedFile): OtaError {
  return new OtaError('preflight_refused', `${file} changed while it was being uploaded`, {
    hint: 'Publish again once nothing writes to the file any more.',
  });
}

export function unreadable({ file }: PlannedFile, cause: Error): OtaError {
  return new OtaError('usage', `${file} cannot be read any more: ${cause.message}`, { cause });
}
