import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type RunOptions, start } from './binary.ts';
import { tempFolder } from './temp-folder.ts';

/**
 * What a person is told where `serve` cannot start: one sentence, and what to do.
 * @param secret what must not be in it
 */
export async function serveRefusal(
  args: readonly string[],
  secret: string,
  options: RunOptions = {},
): Promise<{ message: string; hint: string }> {
  const dataDir = join(await tempFolder(), 'data');
  const running = start(['serve', '--port', '0', '--data-dir', dataDir, ...args], options);
  onTestFinished(() => running.kill('SIGKILL')); // where it is not refused
  const { code, stdout, stderr } = await running.finished;
  expect(stderr).toMatch(/^error: [^\n]+\.\n {2}[^\n]+\.\n$/);
  expect(code).toBe(9);
  expect(stderr + stdout).not.toContain(secret);
  const [, message = '', hint = ''] = /^error: (.*)\.\n {2}(.*)\n$/.exec(stderr) ?? [];
  return { message, hint };
}
