import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readHead } from '../../../src/runtime/read-head.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

test('the head of a file is the whole of a short one and the start of a long one', async () => {
  const file = join(await tempFolder(), 'file');
  await writeFile(file, 'short');
  expect((await readHead(file, 100)).toString()).toBe('short');
  await writeFile(file, Buffer.alloc(101, 'x'));
  expect(await readHead(file, 100)).toEqual(Buffer.alloc(100, 'x'));
});
