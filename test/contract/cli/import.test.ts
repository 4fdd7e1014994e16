import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ReleaseResponse } from '../../../src/protocol/messages.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { startGithubRelease } from '../../support/publish/github-release.ts';
import { Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import type { TestServer } from '../../support/server/server.ts';
import { generateKeyInProcess } from '../../support/tauri/in-process-signer.ts';

const KEY = generateKeyInProcess();
const KINDS = ['darwin-aarch64-app', 'linux-x86_64-appimage', 'linux-x86_64-deb', 'linux-x86_64-rpm'];

interface Place {
  readonly server: TestServer;
  readonly app: Publisher;
  readonly url: string;
  run(...args: string[]): ReturnType<typeof runJsonInProcess>;
  check(
    platform: string,
    version: string,
  ): Promise<{ version: string; signature: string; url: string } | undefined>;
}

async function start(slug: string): Promise<Place> {
  const server = await startServer();
  const app = await Publisher.on(server, { slug });
  const { url, drain } = await server.listen();
  onTestFinished(() => drain());
  const cwd = await tempFolder();
  return {
    server,
    app,
    url,
    run: (...args) =>
      runJsonInProcess(['import', ...args, '--server', url, '--app', app.id, '--token', app.token], { cwd }),
    async check(platform, version) {
      const found = await fetch(`${url}/api/sync/ota/${slug}/${platform}/${version}`);
      return found.status === 204 ? undefined : ((await found.json()) as never);
    },
  };
}

function platformsIn(document: { readonly artifacts: readonly Record<string, string>[] }): string[] {
  return document.artifacts.map(({ target, arch, bundle_type }) => `${target}-${arch}-${bundle_type}`).sort();
}

test('import publishes the release of a latest.json of tauri-action, with every kind of bundle', async () => {
  const place = await start('my-app');
  const release = await startGithubRelease(KEY);
  const { code, document } = await place.run(release.url, '--pubkey', KEY.publicKey);
  expect([code, document.error]).toEqual([0, undefined]);
  const [imported] = document.releases;
  expect(imported).toMatchObject({ version: '1.2.0', status: 'published' });
  expect(platformsIn(imported)).toEqual([...KINDS, 'windows-x86_64-msi', 'windows-x86_64-nsis']);
  expect(imported.artifacts.every(({ verified }: { verified: boolean }) => verified)).toBe(true);
  expect(imported.release).toMatchObject({ notes: 'See the assets below.', channel: 'stable' });
  expect(await place.check('linux/x86_64', '1.1.0')).toMatchObject({ version: '1.2.0' });
  expect(release.downloads.filter((name) => name.endsWith('.deb'))).toHaveLength(1);
  const again = await place.run(release.url, '--pubkey', KEY.publicKey);
  expect(again.document.releases).toMatchObject([{ version: '1.2.0', status: 'unchanged' }]);
});

test('import takes the files of a folder where they are, and downloads only others', async () => {
  const place = await start('my-app');
  const release = await startGithubRelease(KEY);
  await rm(join(release.folder, 'Note.Taker_1.2.0_amd64.deb'));
  const gone = await place.run(release.folder);
  expect([gone.code, gone.document.error.code]).toEqual([4, 'preflight_refused']);
  expect(release.downloads).toEqual(['Note.Taker_1.2.0_amd64.deb']);
  const other = await startGithubRelease(KEY);
  const { code, document } = await place.run(other.folder, '--pubkey', KEY.publicKey);
  expect([code, document.error]).toEqual([0, undefined]);
  expect(other.downloads).toEqual([]);
});

test('import publishes nothing of a release with a file that its signature is not of', async () => {
  const place = await start('my-app');
  const release = await startGithubRelease(KEY);
  release.fault = (name, send) => {
    if (!name.endsWith('.deb')) return false;
    send(200, 'other bytes');
    return true;
  };
  const refused = await place.run(release.url, '--pubkey', KEY.publicKey, '--allow-mismatch');
  expect([refused.code, refused.document.error.code]).toEqual([4, 'preflight_refused']);
  expect((await place.app.send('GET', '/releases')).json()).toEqual([]);
});

test('import names what it cannot read, and every wrong option', async () => {
  const place = await start('my-app');
  const file = join(await tempFolder(), 'latest.json');
  for (const text of ['{', '[]', '{"version":"1.0.0"}', '{"version":"one","platforms":{}}']) {
    await writeFile(file, text);
    const { code, document } = await place.run(file);
    expect([code, document.error.code], text).toEqual([2, 'usage']);
  }
  await writeFile(file, '{"version":"1.0.0","platforms":{}}');
  const empty = await place.run(file);
  expect(empty.document.error).toMatchObject({
    code: 'usage',
    message: expect.stringContaining('no platforms'),
  });
  expect((await place.app.send('GET', '/releases')).json()).toEqual([]);
  await writeFile(file, '{"version":"1.4","platforms":{}}');
  expect((await place.run(file)).document.error.message).toContain('1.4 is not strict semver');
  const missing = await place.run(join(file, 'none'));
  expect([missing.code, missing.document.error.code]).toEqual([2, 'usage']);
  const wrong = await runInProcess(['import', 'folder', '--from-app', 'x', '--channel', 'Two Words']);
  expect(wrong.code).toBe(2);
  for (const part of ['--from-token-file', 'URL of a server', '--channel'])
    expect(wrong.stderr).toContain(part);
});

test('import names a URL of another site that has no latest.json, and what to give instead', async () => {
  const place = await start('my-app');
  const origin = await listenHttp((request, response) => {
    const isPage = request.url === '/page';
    response.writeHead(isPage ? 200 : 404, { server: 'nginx', 'content-type': 'text/html' });
    response.end('<html>');
  });
  const refusal = async (path: string) => (await place.run(new URL(path, origin).href)).document.error;
  expect(await refusal('/none.json')).toMatchObject({
    ...{ code: 'usage', message: expect.stringContaining('there is nothing at') },
    hint: expect.stringContaining('--from-app'),
  });
  expect(await refusal('/page')).toMatchObject({
    code: 'not_the_api',
    hint: expect.stringContaining('latest.json'),
  });
});

test('import names its own options where the server that it imports from refuses', async () => {
  const [from, to] = [await start('my-app'), await start('other')];
  const hintFor = async (app: string, token: string) =>
    (await to.run(from.url, '--from-app', app, '--from-token', token)).document.error.hint;
  expect(await hintFor(from.app.id, to.app.token)).toContain('--from-token-file');
  expect(await hintFor('unknown', from.app.token)).toContain('--from-app');
});

test('import mirrors an app of another server: versions, notes, channels, signatures and stepping stones', async () => {
  const from = await start('my-app');
  const to = await start('other');
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
    const release = await startGithubRelease(KEY, version);
    const { code, document } = await from.run(release.folder, '--pubkey', KEY.publicKey);
    expect([code, document.error]).toEqual([0, undefined]);
  }
  const beta = await startGithubRelease(KEY, '2.0.0-beta.1');
  expect(await from.run(beta.folder, '--channel', 'beta')).toMatchObject({ code: 0 });
  const [, , middle] = (await from.app.send('GET', '/releases')).json();
  expect(middle.version).toBe('1.1.0');
  requireStatus(await from.app.send('PATCH', `/releases/${middle.id}`, { body: { status: 'yanked' } }), 200);
  const source = [from.url, '--from-app', from.app.id, '--from-token', from.app.token];
  const { code, document } = await to.run(...source, '--slug', 'mirrored');
  expect([code, document.error]).toEqual([0, undefined]);
  expect(document.releases.map(({ version }: { version: string }) => version)).toEqual([
    '1.0.0',
    '1.2.0',
    '2.0.0-beta.1',
  ]);
  expect(document.not_imported).toEqual(['1.1.0']);
  const there = (await from.app.send('GET', '/releases')).json();
  const here = (await to.app.send('GET', '/releases')).json();
  const facts = ({ version, notes, channel, artifacts }: ReleaseResponse) => ({
    version,
    notes,
    channel,
    artifacts: artifacts?.map(({ sha256, signature, file_name }) => ({ sha256, signature, file_name })),
  });
  expect(here.map(facts)).toEqual(
    there.filter(({ status }: { status: string }) => status === 'published').map(facts),
  );
  const again = await to.run(...source);
  expect([again.code, again.document.releases]).toEqual([0, []]);
});

test('import goes on with a mirror that was interrupted, without downloading what it has kept', async () => {
  const from = await start('my-app');
  const to = await start('other');
  for (const version of ['1.0.0', '1.1.0']) {
    const release = await startGithubRelease(KEY, version);
    expect(await from.run(release.folder, '--pubkey', KEY.publicKey)).toMatchObject({ code: 0 });
  }
  const [latest] = (await from.app.send('GET', '/releases')).json();
  const artifacts = from.server.database.queries.updateTable('artifacts').where('release_id', '=', latest.id);
  const deb = latest.artifacts.find((one: { bundle_type: string }) => one.bundle_type === 'deb');
  const setHash = (sha256: string) => artifacts.where('bundle_type', '=', 'deb').set({ sha256 }).execute();
  await setHash('ab'.repeat(32));
  const kept = join(await tempFolder(), 'kept');
  const source = [from.url, '--from-app', from.app.id, '--from-token', from.app.token, '--keep-files', kept];
  const failed = await to.run(...source);
  expect([failed.code, failed.document.error.code]).toEqual([6, 'verification_failed']);
  expect((await to.app.send('GET', '/releases')).json()).toMatchObject([{ version: '1.0.0' }]);
  await setHash(deb.sha256);
  const downloads: string[] = [];
  from.server.app.server.prependListener('request', ({ url = '' }) => {
    if (url.includes('/download/')) downloads.push(url);
  });
  const again = await to.run(...source);
  expect(again.document.releases).toMatchObject([{ version: '1.1.0', status: 'published' }]);
  expect(downloads.length).toBeLessThan(latest.artifacts.length);
});
