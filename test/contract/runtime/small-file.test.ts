import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readSmallFile } from '../../../src/runtime/small-file.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

test('a pipe without a writer is refused at once', async () => {
  const pipe = join(await tempFolder(), 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  expect(() => readSmallFile(pipe)).toThrow('it is not a regular file');
});
