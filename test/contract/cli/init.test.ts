import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WORKFLOW } from '../../../src/cli/init/workflow-template.ts';
import { readText } from '../../support/docs/pages.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { copyProject } from '../../support/tauri/tauri-project.ts';

const SERVER = ['--server', 'https://ota.example'];
const bare = () => copyProject({ plugins: {}, bundle: { active: true } });
const init = (project: string, ...more: string[]) =>
  runJsonInProcess(['init', '--project', project, ...SERVER, ...more]);
const read = (project: string, file: string) => readFile(join(project, file), 'utf8');

test('init --yes writes what is missing, and nothing the second time', async () => {
  const project = await bare();
  const { code, document } = await init(project, '--yes', '--app', 'a1');
  expect(code).toBe(0);
  expect(document.files.map(({ action }: { action: string }) => action)).toEqual([
    'written',
    'written',
    'written',
  ]);
  expect(JSON.parse(await read(project, 'synckit-ota.config.json'))).toEqual({
    ...{ server: 'https://ota.example', app: 'a1', slug: 'note-taker' },
  });
  expect(JSON.parse(await read(project, 'src-tauri/tauri.conf.json'))).toMatchObject({
    productName: 'Note Taker',
    bundle: { active: true, createUpdaterArtifacts: true },
    plugins: {
      updater: {
        endpoints: ['https://ota.example/api/sync/ota/note-taker/{{target}}/{{arch}}/{{current_version}}'],
      },
    },
  });
  expect(await read(project, '.github/workflows/release.yml')).toContain(
    'SYNCKIT_OTA_SERVER: https://ota.example',
  );
  expect((await init(project, '--yes')).document.files).toEqual([]);
});

test.each([
  ['--dry-run', 0],
  ['', 2],
])('init %s without a terminal shows all changes, and writes nothing', async (option, exit) => {
  const project = await bare();
  const before = await read(project, 'src-tauri/tauri.conf.json');
  const { code, stderr } = await init(project, ...(option === '' ? [] : [option]));
  expect(code).toBe(exit);
  expect(stderr).toMatch(/^\+.*createUpdaterArtifacts/m);
  expect(await read(project, 'src-tauri/tauri.conf.json')).toBe(before);
  await expect(read(project, 'synckit-ota.config.json')).rejects.toThrow('ENOENT');
});

test('init names the app in the workflow, and what to do next', async () => {
  const project = await copyProject({ productName: 'Nötizen ✏️', plugins: {}, bundle: { active: true } });
  const { stdout } = await runInProcess(['init', '--project', project, ...SERVER, '--yes']);
  const workflow = await read(project, '.github/workflows/release.yml');
  expect(workflow).toContain('# synckit-ota apps trust notizen --github');
  expect(workflow).not.toContain('Copy it');
  expect(stdout).toMatch(/^written .*\n(.*\n)*Next: create the app/);
  const again = await runInProcess(['init', '--project', project, ...SERVER, '--yes']);
  expect(again.stdout).toBe('Nothing is missing.\n');
});

test('init asks for a slug where the name has no letter that one can have', async () => {
  const { code, document } = await init(
    await copyProject({ productName: 'メモ帳', plugins: {} }),
    '--dry-run',
  );
  expect([code, document.error.message]).toEqual([2, expect.stringContaining('pass --slug')]);
});

test('the workflow is the example', () => {
  expect(WORKFLOW.join('\n')).toBe(readText('examples/github-actions/release.yml'));
});
