import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OtaError } from '../../errors.ts';
import { isDevOverlay } from '../../tauri/project/dev-overlay.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { atExit } from './at-exit.ts';

/** Sees that an overlay may be written there: where nothing is, or one that a rehearsal could not remove. */
export function checkOverlayFile(file: string, problems: OptionErrors): void {
  if (existsSync(file) && !isDevOverlay(readIfPossible(file) ?? '')) {
    problems.add(`--overlay ${file} is there already, and was not written by this command: name another`);
  } else if (!existsSync(dirname(file))) {
    problems.add(`--overlay ${file} is in a folder that does not exist: create it, or name another`);
  }
}

/**
 * Writes an overlay for as long as the process lives.
 * @returns removes it, unless somebody has changed it meanwhile
 */
export function writeOverlayFile(file: string, text: string): () => void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be written: ${(cause as Error).message}`, {
      cause,
      hint: 'Name another file with --overlay.',
    });
  }
  return atExit(() => {
    if (readIfPossible(file) === text) rmSync(file, { force: true });
  });
}

function readIfPossible(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
