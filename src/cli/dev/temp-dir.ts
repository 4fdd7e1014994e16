import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { atExit } from './at-exit.ts';

/**
 * A temporary folder that is removed with the process; after SIGKILL it is left to the system.
 * @throws OtaError `store_unavailable`
 */
export function makeTempDir(): { readonly folder: string; readonly remove: () => void } {
  const folder = makeFolder();
  return { folder, remove: atExit(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })) };
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'synckit-ota-dev-'));
  } catch (cause) {
    throw new OtaError('store_unavailable', `cannot create a temporary folder: ${messageOf(cause)}`, {
      cause,
      hint: 'Set TMPDIR to a folder that this user can write to.',
    });
  }
}
