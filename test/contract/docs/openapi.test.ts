import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { OPENAPI_PATH } from '../../../src/protocol/openapi/openapi-document.ts';
import { API_ROOT, pathOf, routes } from '../../../src/protocol/routes.ts';
import { unverifiedBundle } from '../../support/attestation/unverified-bundle.ts';
import { describedAnswers, deviationsOf } from '../../support/docs/described-answers.ts';
import { blocksIn, sectionsOf } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, LINUX, Publisher, startServer } from '../../support/publish/publisher.ts';
import { signedEnvelope } from '../../support/publish/signed-envelope.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER, startS3Server } from '../../support/s3/s3-server.ts';

describe('what a server answers is what the OpenAPI document says', () => {
  test('to a release from its draft to its end, and to what is wrong on the way', async () => {
    const server = await startServer();
    const { seen, deviations } = describedAnswers(server.app);
    const app = await Publisher.on(server);
    await walk(app);
    expect(deviations).toEqual([]);
    const names = new Set([...seen].map((answer) => answer.split(' ')[0]));
    const elsewhere = ['completeUpload', 'promoteRelease', 'exchangeIdentity', 'uploadPart'];
    expect(Object.keys(routes).filter((name) => !names.has(name))).toEqual(elsewhere);
    expect(seen.size).toBeGreaterThan(35);
  });

  test('with S3 storage', async () => {
    const server = await startS3Server(await tempFolder(), await fakeS3Place(), { pollSchedule: NEVER });
    const { seen, deviations } = describedAnswers(server.app);
    const app = await Publisher.on(server);
    const created = await app.send('POST', '/releases', { body: { version: '1.0.0', draft: true } });
    const { id } = created.json();
    const bytes = bytesOf('1.0.0');
    const fields = { signature: 's', sha256: '0'.repeat(64) };
    const url = await app.requestUpload(id, bytes.length, LINUX, fields);
    const uploadId = new URL(url).pathname.split('/').at(-1);
    await app.send('POST', `/releases/${id}/artifacts/${uploadId}/complete`);
    expect(deviations).toEqual([]);
    expect(seen).toContain('completeUpload 425');
  });

  test('and another answer is found', () => {
    const headers = { 'content-type': 'application/json', etag: '"1"' };
    const body = '{"version":"1.0.0"}';
    expect(deviationsOf('check', { status: 200, headers, body })).toHaveLength(1);
    expect(deviationsOf('getApp', { status: 201, headers, body })).toEqual(['is not described']);
    expect(deviationsOf('getApp', { status: 200, headers, body })[0]).toBe('has the header etag');
  });
});

async function walk(app: Publisher): Promise<void> {
  const { server } = app;
  const bytes = bytesOf('1.0.0');
  await app.get(API_ROOT);
  await app.send('GET', '');
  await app.send('GET', '/stats');
  await app.send('GET', '/stats?days=0');
  await app.send('GET', '', { token: 'wrong' });
  await app.send('PUT', '/slug', { body: { slug: 'my-app' } });
  await app.send('PUT', '/slug', { body: { slug: 'latest' } });
  const draft = await app.send('POST', '/releases', { body: { version: '1.0.0', draft: true } });
  const release = `/releases/${draft.json().id}`;
  await app.send('POST', '/releases', { body: { version: '1.0.0' } });
  await app.send('POST', '/releases', { body: { version: 'v1' } });
  await app.send('POST', `${release}/publish`);
  await app.send('POST', `${release}/artifacts`, { body: { ...LINUX, file_size: 1 } });
  const upload = await app.requestUpload(draft.json().id, bytes.length, LINUX, {
    ...{ signature: 's', file_name: 'my-app.AppImage' },
  });
  await app.put(upload, Buffer.from('other'));
  await app.put(upload, bytes);
  await app.put(upload, bytes);
  await app.put(upload.replace('signature=', 'signature=x'), bytes);
  const envelope = signedEnvelope({ releaseId: draft.json().id, version: '1.0.0' });
  await app.send('PUT', `${release}/manifest`, { body: envelope });
  await app.send('GET', `${release}/manifest`);
  const bundle = unverifiedBundle({ releaseId: draft.json().id, version: '1.0.0' });
  await app.send('PUT', `${release}/attestation`, { body: bundle });
  await app.send('GET', `${release}/attestation`);
  await app.send('PATCH', release, { body: { notes: 'New.' } });
  await app.send('PATCH', release, { body: { status: 'yanked' } });
  await app.send('POST', `${release}/publish`);
  await app.get(pathOf('manifest', { slug: app.slug, version: '1.0.0' }));
  await app.get(pathOf('attestation', { slug: app.slug, version: '1.0.0' }));
  await app.publish('0.9.0');
  await app.send('GET', '/releases');
  await app.send('GET', '/releases?limit=1');
  await app.send('GET', '?include=releases');
  await app.send('GET', '?include=state&version=2.0.0');
  const offer = await app.check('0.1.0');
  const { pathname } = new URL(offer.json().url);
  const path = pathOf('check', { slug: app.slug, ...LINUX, current_version: '0.1.0' });
  await server.app.inject({ url: path, headers: { 'if-none-match': String(offer.headers.etag) } });
  await app.check('1.0.0');
  await app.check('1.0');
  for (const version of ['1.0.0', '9.0.0', '9']) {
    const payload = { ...LINUX, version, outcome: 'installed' };
    await server.app.inject({ method: 'POST', url: pathOf('events', { slug: app.slug }), payload });
  }
  await app.get(pathname);
  const file = await app.downloadPath(draft.json().id);
  for (const headers of [{}, { range: 'bytes=0-1' }, { range: 'bytes=999-' }, { 'if-none-match': '*' }]) {
    await server.app.inject({ url: file, headers });
  }
  await server.app.inject({ url: file, headers: { 'if-match': '"other"' } });
  await app.get(pathOf('latest', { slug: app.slug, ...LINUX }));
  await app.get(pathOf('latest', { slug: app.slug, target: 'darwin', arch: 'aarch64' }));
  for (const query of ['', '?current_version=1.0.0', '?current_version=1']) {
    await app.get(pathOf('latestJson', { slug: app.slug }) + query);
  }
  await app.get(pathOf('latestJson', { slug: 'other-app' }));
  await readFeeds(app);
  for (const query of ['version=0.1.0&target=linux&arch=x86_64&cohort=3', 'version=1'])
    await app.send('GET', `/explain?${query}`);
  await app.send('POST', '/simulate', { body: { version: '1.0.0', status: 'yanked' } });
  await app.send('POST', '/simulate', { body: { version: '7.0.0', status: 'deleted' } });
  await app.send('DELETE', `${release}?artifacts=7`);
  await app.send('DELETE', release);
  await app.send('DELETE', release);
}

async function readFeeds(app: Publisher): Promise<void> {
  const { slug } = app;
  for (const channel_file of ['latest-linux.yml', 'latest.yml', 'x'])
    await app.get(pathOf('electronFeed', { slug, channel_file }));
  const known = await app.get(pathOf('electronFeed', { slug, channel_file: 'latest-linux.yml' }));
  const headers = { 'if-none-match': String(known.headers.etag) };
  const url = pathOf('electronFeed', { slug, channel_file: 'latest-linux.yml' });
  await app.server.app.inject({ url, headers });
  for (const file_name of ['my-app.AppImage', 'other'])
    await app.get(pathOf('electronFile', { slug, version: '1.0.0', arch: 'x64', file_name }));
  for (const appcast of ['appcast.xml', 'x']) {
    await app.get(pathOf('sparkleFeed', { slug, appcast }));
    await app.get(pathOf('winsparkleFeed', { slug, appcast }));
  }
  for (const file_name of ['releases.win.json', 'releases.linux.json', 'x'])
    await app.get(pathOf('velopackFeed', { slug, file_name }));
}

test('a server answers the document with its own URL, also to scripts of other websites', async () => {
  const server = await startServer({ publicUrl: () => 'https://example.com/ota', version: '1.2.3' });
  const reply = await server.app.inject({ url: OPENAPI_PATH });
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(reply.headers['access-control-allow-origin']).toBe('*');
  expect(reply.json()).toMatchObject({
    openapi: '3.1.0',
    info: { version: '1.2.3' },
    servers: [{ url: 'https://example.com/ota' }],
  });
  const head = await server.app.inject({ method: 'HEAD', url: OPENAPI_PATH });
  expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([
    200,
    '',
    reply.headers['content-length'],
  ]);
  const other = await server.app.inject({ method: 'POST', url: OPENAPI_PATH });
  expect([other.statusCode, other.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
});

/** How the lines of a language are run; `file` has them. */
const LANGUAGES = [
  { language: 'js', file: 'update.mjs', command: process.execPath, args: [] },
  { language: 'python', file: 'update.py', command: 'python3', args: [] },
  { language: 'go', file: 'update.go', command: 'go', args: ['run'] },
] as const;

const PAGE = readText('docs/reference/openapi.md');

describe('the first lines in each language', () => {
  test.each(LANGUAGES)(
    'of $language ask for an update and download it',
    { timeout: 120_000 },
    async (one) => {
      const { language, file, command, args } = one;
      if (command !== process.execPath && !isInstalled(command)) return;
      const server = await startServer();
      const app = await Publisher.on(server);
      const { url, drain } = await server.listen();
      onTestFinished(() => drain());
      const folder = await tempFolder();
      const [lines = { text: '' }] = blocksIn(PAGE, language);
      await writeFile(join(folder, file), lines.text);
      const env = { ...process.env, OTA: url + API_ROOT };
      const run = async () =>
        (
          await promisify(execFile)(command, [...args, join(folder, file)], { cwd: folder, env })
        ).stdout.trim();
      await app.publish('1.1.0');
      expect(await run()).toBe('up to date');
      await app.publish('1.2.0', Buffer.from('the new version'));
      expect(await run()).toBe(`1.2.0 15 ${'signature of 1.2.0'.length}`);
    },
  );

  test.skipIf(!isInstalled('curl'))('of curl do too', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    const { url, drain } = await server.listen();
    onTestFinished(() => drain());
    await app.publish('1.2.0', Buffer.from('the new version'));
    const folder = await tempFolder();
    const { text = '' } = sectionsOf(PAGE).find(({ heading }) => heading === 'curl') ?? {};
    const script = blocksIn(text, 'sh')
      .map((block) => block.text)
      .join('\n');
    const env = { ...process.env, OTA: url + API_ROOT };
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], { cwd: folder, env });
    expect(JSON.parse(stdout)).toMatchObject({ version: '1.2.0' });
    expect(await readFile(join(folder, 'update.bin'), 'utf8')).toBe('the new version');
  });
});
