import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { startGithubRelease } from '../../support/publish/github-release.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';
import { generateKeyInProcess } from '../../support/tauri/in-process-signer.ts';
import { copyProject } from '../../support/tauri/tauri-project.ts';

const [KEY, OTHER] = [generateKeyInProcess(), generateKeyInProcess()];

/** An app of tauri-action with version 1.2.0 on GitHub, and a server that has nothing of it. */
async function start() {
  const github = await startGithubRelease(KEY);
  const project = await copyProject({
    version: '1.3.0',
    plugins: { updater: { pubkey: KEY.publicKey, endpoints: [github.url] } },
  });
  const server = await startServer();
  const app = await Publisher.on(server, { slug: 'note-taker' });
  const { url, drain } = await server.listen();
  onTestFinished(() => drain());
  const publish = async (key = KEY, version = '1.3.0', without?: RegExp) => {
    const { folder } = await startGithubRelease(key, version);
    const file = join(folder, 'latest.json');
    const latest = JSON.parse(await readFile(file, 'utf8'));
    const kept = Object.entries(latest.platforms).filter(([name]) => !without?.test(name));
    await writeFile(file, JSON.stringify({ ...latest, platforms: Object.fromEntries(kept) }));
    const args = ['--server', url, '--app', app.id, '--token', app.token, '--pubkey', key.publicKey];
    expect(await runJsonInProcess(['import', folder, ...args], { cwd: folder })).toMatchObject({ code: 0 });
  };
  const migrate = (...more: string[]) =>
    runJsonInProcess(['migrate', '--project', project, '--server', url, ...more], { cwd: project });
  const endpoints = async () =>
    JSON.parse(await readFile(join(project, 'src-tauri/tauri.conf.json'), 'utf8')).plugins.updater.endpoints;
  return { github, project, url, publish, migrate, endpoints };
}

test('migrate writes the endpoint before the old one, then the last latest.json once a release is there', async () => {
  const { github, project, url, publish, migrate, endpoints } = await start();
  const endpoint = `${url}/api/sync/ota/note-taker/{{target}}/{{arch}}/{{current_version}}`;
  const first = await migrate('--yes');
  expect([first.code, first.document]).toMatchObject([0, { status: 'done', version: null, old: github.url }]);
  expect(first.document.files).toMatchObject([{ action: 'written' }]);
  expect(await endpoints()).toEqual([endpoint, github.url]);
  await publish();
  const second = await migrate('--yes');
  expect([second.code, second.document]).toMatchObject([0, { version: '1.3.0' }]);
  const latest = JSON.parse(await readFile(join(project, 'latest.json'), 'utf8'));
  const old = JSON.parse(await readFile(join(github.folder, 'latest.json'), 'utf8'));
  expect(Object.keys(latest.platforms).sort()).toEqual(
    expect.arrayContaining(Object.keys(old.platforms).sort()),
  );
  for (const { url: file } of Object.values(latest.platforms) as { url: string }[])
    expect((await fetch(file)).status).toBe(200);
  expect((await migrate('--yes')).document.files).toEqual([]);
});

test.each([
  ['is signed with another key', OTHER, '1.3.0', undefined],
  ['lacks a platform', KEY, '1.3.0', /^windows/],
  ['is lower', KEY, '1.1.0', undefined],
])('migrate writes no latest.json that %s', async (_, key, version, without) => {
  const { publish, migrate, project } = await start();
  await publish(key, version, without);
  const { code, document } = await migrate('--yes');
  expect([code, document.error.code]).toEqual([4, 'preflight_refused']);
  await expect(readFile(join(project, 'latest.json'))).rejects.toThrow();
});

test('migrate writes nothing without --yes or a terminal', async () => {
  const { github, migrate, endpoints } = await start();
  const planned = await migrate('--dry-run');
  expect([planned.code, planned.document.status]).toEqual([0, 'planned']);
  expect((await migrate()).code).toBe(2);
  expect(await endpoints()).toEqual([github.url]);
});
