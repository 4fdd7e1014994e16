import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { atExit } from './at-exit.ts';

/** @throws OtaError `store_unavailable` */
function makeTemporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'synckit-ota-dev-'));
  } catch (cause) {
    const message = `no temporary folder can be made: ${(cause as Error).message}`;
    throw new OtaError('store_unavailable', message, {
      cause,
      hint: 'Set TMPDIR to a folder this user can write.',
    });
  }
}

/** A folder among the system's temporary ones that is gone with the process; after SIGKILL the system cleans it up. */
export function makeTempDir(): { readonly folder: string; readonly remove: () => void } {
  const folder = makeTemporaryFolder();
  return { folder, remove: atExit(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })) };
}
