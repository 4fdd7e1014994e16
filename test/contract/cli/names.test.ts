import { expect, test } from 'vitest';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

async function newStore() {
  const cwd = await tempFolder();
  expect(await runInProcess(['apps', 'create', 'First', '--slug', 'first'], { cwd })).toMatchObject({
    code: 0,
  });
  const run = (...words: string[]) => runInProcess(words, { cwd });
  const runJson = (...words: string[]) => runJsonInProcess(words, { cwd });
  return { run, runJson };
}

test.each([
  ['blank', ' ', 'is empty'],
  ['of two lines', 'My\nApp', 'control characters'],
  ['with an escape sequence', 'My \u001b[31mApp', 'control characters'],
  ['of 5,000 characters', 'a'.repeat(5000), 'longer than 100 characters'],
])('a name that is %s is refused for an app and a token', async (_, name, reason) => {
  const { run, runJson } = await newStore();
  for (const words of [
    ['apps', 'create', name],
    ['apps', 'rename', 'first', name],
    ['tokens', 'create', '--app', 'first', `--name=${name.trim() === '' ? '\t \n' : name}`],
  ]) {
    const { code, stderr } = await run(...words);
    if (code === 0)
      expect(words[0]).toBe('tokens'); // a blank option counts as not given
    else
      expect(`${code} ${stderr}`).toMatch(
        new RegExp(`^2 error: (<name>|the name of the (app|token)) .*${reason}`),
      );
  }
  expect((await runJson('apps', 'list')).document).toMatchObject([{ name: 'First' }]);
});

test('a name of one line is kept without the spaces around it', async () => {
  const { runJson } = await newStore();
  const renamed = await runJson('apps', 'rename', 'first', ' Ünïcode 應用 🙂 ');
  expect(renamed.document).toMatchObject({ name: 'Ünïcode 應用 🙂' });
});

test('a slug that was freed is said to be free', async () => {
  const { run } = await newStore();
  expect(await run('apps', 'delete', 'first', '--yes')).toMatchObject({ code: 0 });
  expect(await run('apps', 'free-slug', 'first')).toMatchObject({ code: 0 });
  expect((await run('apps', 'free-slug', 'first')).stderr).toContain('the slug first is free already');
});
