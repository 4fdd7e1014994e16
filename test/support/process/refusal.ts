import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunOptions } from './binary.ts';
import { runInProcess } from './in-process.ts';
import { tempFolder } from './temp-folder.ts';

/**
 * The error of a `serve` that cannot start: one sentence, and a hint.
 * @param secret text that the error must not contain
 */
export async function serveRefusal(
  args: readonly string[],
  secret: string,
  options: Pick<RunOptions, 'env'> = {},
): Promise<{ message: string; hint: string }> {
  const dataDir = join(await tempFolder(), 'data');
  const serve = ['serve', '--port', '0', '--data-dir', dataDir, ...args];
  const { code, stdout, stderr } = await runInProcess(serve, options);
  expect(stderr).toMatch(/^error: [^\n]+\.\n {2}[^\n]+\.\n$/);
  expect(code).toBe(9);
  expect(stderr + stdout).not.toContain(secret);
  const [, message = '', hint = ''] = /^error: (.*)\.\n {2}(.*)\n$/.exec(stderr) ?? [];
  return { message, hint };
}
