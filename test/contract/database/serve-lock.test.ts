import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { lockForServing } from '../../../src/database/sqlite/serve-lock.ts';
import type * as Connection from '../../../src/database/sqlite/sqlite-connection.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { runInOtherProcess } from '../../support/process/other-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

vi.mock('../../../src/database/sqlite/sqlite-connection.ts', async (importOriginal) => {
  const original = await importOriginal<typeof Connection>();
  return { ...original, connectSqlite: vi.fn(original.connectSqlite) };
});

/** Takes the lock in another process, which holds it while it lives. It says `locked`, or why not. */
function lockElsewhere(dataDir: string, then = '') {
  return runInOtherProcess(`
    import { lockForServing } from '~/sqlite/serve-lock.ts';
    try {
      await lockForServing({ dataDir: ${JSON.stringify(dataDir)} });
      ${then}
      console.log('locked');
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(error.code + ': ' + error.message);
    }`);
}

test('R9: a folder that another process serves is refused without waiting for its lock, with its name and what to do', async () => {
  const dataDir = await tempFolder();
  expect((await lockElsewhere(dataDir)).said).toBe('locked');
  await expect(lockForServing({ dataDir })).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining(dataDir),
    hint: expect.stringMatching(/./),
  });
  // Other connections wait for five seconds.
  expect(connectSqlite).toHaveBeenLastCalledWith(join(dataDir, 'serve.lock'), { timeout: 0 });
});

test('a folder that this process serves is refused to another', async () => {
  const dataDir = await tempFolder();
  onTestFinished(await lockForServing({ dataDir }));
  expect((await lockElsewhere(dataDir)).said).toMatch(/^store_unavailable: /);
});

test('a process that is killed leaves no lock', async () => {
  const dataDir = await tempFolder();
  const { child, said } = await lockElsewhere(dataDir);
  expect(said).toBe('locked');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  (await lockForServing({ dataDir }))();
});

test('a lock that is released can be acquired again', async () => {
  const dataDir = await tempFolder();
  for (let i = 0; i < 3; i++) (await lockForServing({ dataDir }))();
});

test('two folders can be served at once', async () => {
  onTestFinished(await lockForServing({ dataDir: await tempFolder() }));
  onTestFinished(await lockForServing({ dataDir: await tempFolder() }));
});

test('the lock is held while the process lives, also when its release function is garbage-collected', async () => {
  const dataDir = await tempFolder();
  const collectGarbage =
    'for (let i = 0; i < 10; i++) { gc(); await new Promise((r) => setTimeout(r, 10)); }';
  expect((await lockElsewhere(dataDir, collectGarbage)).said).toBe('locked');
  await expect(lockForServing({ dataDir })).rejects.toMatchObject({ code: 'store_unavailable' });
});
