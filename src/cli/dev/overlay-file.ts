import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { isDevOverlay } from '../../tauri/project/dev-overlay.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { atExit } from './at-exit.ts';

/** Checks that an overlay may be written there: to a new file, or over one that an earlier run could not remove. */
export function checkOverlayFile(file: string, errors: OptionErrors): void {
  if (existsSync(file) && !isDevOverlay(readIfPossible(file) ?? '')) {
    errors.add(`--overlay ${file} already exists and was not written by this command: give another file`);
  } else if (!existsSync(dirname(file))) {
    errors.add(`--overlay ${file} is in a folder that does not exist: create it, or give another file`);
  }
}

/**
 * Writes an overlay for as long as the process runs.
 * @returns removes it, unless it was changed since
 */
export function writeOverlayFile(file: string, text: string): () => void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new OtaError('usage', `cannot write ${file}: ${messageOf(cause)}`, {
      cause,
      hint: 'Give another file with --overlay.',
    });
  }
  return atExit(() => {
    if (readIfPossible(file) === text) rmSync(file, { force: true });
  });
}

function readIfPossible(file: string): string | undefined {
  try {
    return readSmallFile(file);
  } catch {
    return undefined;
  }
}
