import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

const SOURCE = new URL('../../../src/database/', import.meta.url);

/**
 * Runs a module in another Node process, which is killed when the test is finished. In its text `~/` stands for
 * `src/database/`.
 * @returns the process, and its first output
 */
export async function runInOtherProcess(module: string): Promise<{ child: ChildProcess; said: string }> {
  const script = module.replaceAll("'~/", `'${SOURCE.pathname}`);
  const options = ['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = await once(child.stdout, 'data');
  return { child, said: String(said).trim() };
}
