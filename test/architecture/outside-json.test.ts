import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What parses only what this program, or a tool on this machine, has written itself, in a size that is known. */
const OWN = [
  'src/database/queries/*.ts',
  'src/cli/audit/audit-entry.ts',
  'src/cli/config/config-schema.ts',
  'src/cli/export/own-app.ts',
  'src/cli/github/step-report.ts',
  'src/cli/output/logger.ts',
  'src/cli/package-version.ts',
  'src/cli/wiring/ask-cargo.ts',
  'src/identity/issuer-keys.ts', // stored after it was read
  'src/protocol/health/auto-pause.ts', // of the database
  'src/runtime/text/bounded-json.ts',
  'src/server/handlers/manifests.ts', // stored after it was read
  'src/server/traffic.ts',
  'src/server/update-check/*.ts',
  'src/storage/disk/part-journal.ts',
  'src/web/screens/audit-screen.tsx',
];

test('field 13: JSON that others wrote is read within bounds', () => {
  const own = globSync(OWN, { cwd: ROOT });
  const files = globSync('src/**/*.{ts,tsx}', { cwd: ROOT }).filter((path) => !own.includes(path));
  expect(files.length).toBeGreaterThan(500);
  const unbounded = files.filter((path) => /\bJSON\.parse\(/.test(readFileSync(join(ROOT, path), 'utf8')));
  expect(unbounded).toEqual([]);
});
