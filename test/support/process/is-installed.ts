import { spawnSync } from 'node:child_process';

/** Whether there is a command of this name; tests that need it are skipped by name where there is none. */
export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}
