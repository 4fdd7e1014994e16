import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { AttackName, Target } from './attacker.ts';

const ATTACKER = fileURLToPath(new URL('./attacker.ts', import.meta.url));

/** Attacks a server until the test is finished. Resolves when the attack is under way. */
export async function attack(name: AttackName, target: Target): Promise<ChildProcess> {
  const child = spawn(process.execPath, [ATTACKER, name, JSON.stringify(target)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
