import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from './at-exit.ts';

/** A folder among the system's temporary ones that is gone with the process; after SIGKILL the system cleans it up. */
export function makeThrowawayFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'synckit-ota-dev-'));
  return { folder, remove: atExit(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })) };
}
