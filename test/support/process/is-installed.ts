import { spawnSync } from 'node:child_process';

/** Whether there is a command with this name; otherwise tests that need it are skipped by name. */
export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}
