import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import semver from 'semver';

/**
 * Cargo's target folder for all Rust programs of the tests: they share what they have in common. It is outside the
 * checkout, so that a fresh clone finds what was built before.
 */
export const CARGO_FOLDER = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'synckit-ota/tauri-client',
);

/** The lowest Cargo that the locked crates can be built with. */
const LOWEST_CARGO = '1.95.0';

/** What has to be installed to build on Tauri, for the names of skipped tests. */
export const NEEDED = `needs cargo ${LOWEST_CARGO} and libwebkit2gtk-4.1-dev`;

/** Whether programs on Tauri can be built here; otherwise their tests are skipped by name. */
export function canBuildTauri(): boolean {
  const cargo = semver.coerce(spawnSync('cargo', ['--version'], { encoding: 'utf8' }).stdout);
  const webkit = spawnSync('pkg-config', ['--exists', 'webkit2gtk-4.1'], { stdio: 'ignore' });
  return cargo !== null && semver.gte(cargo, LOWEST_CARGO) && webkit.status === 0;
}
