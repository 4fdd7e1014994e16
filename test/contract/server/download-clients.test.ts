import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startNginxWith, startUntilFinished } from '../../support/network/example-proxy.ts';
import { freePorts } from '../../support/process/free-ports.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const run = promisify(execFile);
const BYTES = Buffer.from('the installer '.repeat(200));
const WINDOWS = { target: 'windows', arch: 'x86_64' } as const;

/** Each command saves what a URL leads to in the folder it runs in. */
const CLIENTS = [
  ['curl', (url: string) => ['-fsSOJL', url]],
  ['wget', (url: string) => ['-q', '--content-disposition', url]],
  ['wget', (url: string) => ['-q', '--trust-server-names', url]],
  ['aria2c', (url: string) => ['-q', url]],
] as const;

async function publishNsis(app: Publisher, fileName: string): Promise<string> {
  const releaseId = await app.createRelease('1.2.0');
  const fields = { bundle_type: 'nsis', file_name: fileName };
  const url = await app.requestUpload(releaseId, BYTES.length, WINDOWS, fields);
  requireStatus(await app.upload(releaseId, url, BYTES), 200);
  return releaseId;
}

describeOnEachStore('field 13: a file that was uploaded with its name', ({ files, start }) => {
  test('is listed and downloaded with it, also beyond ASCII', async () => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const releaseId = await publishNsis(app, 'C:\\build\\Größe_1.2.0_x64-setup.exe');
    const [listed] = requireStatus(await app.send('GET', '/releases'), 200).json();
    expect(listed.artifacts).toMatchObject([{ file_name: 'Größe_1.2.0_x64-setup.exe' }]);
    const { headers } = await app.follow('GET', await app.downloadUrl(releaseId, WINDOWS));
    expect(headers['content-disposition']).toBe(
      `attachment; filename="Gro_e_1.2.0_x64-setup.exe"; filename*=UTF-8''Gr%C3%B6%C3%9Fe_1.2.0_x64-setup.exe`,
    );
    expect(headers['cache-control']).toContain('no-transform');
  });

  test.each(CLIENTS)('is saved under it by %s', async (command, args) => {
    if (!isInstalled(command)) return;
    if (files !== 'disk' && String(args('')).includes('trust-server-names')) return; // the key of a bucket is no name
    const store = await start();
    const app = await Publisher.on(await store.open());
    const { url, drain } = await app.server.listen();
    onTestFinished(() => drain());
    await publishNsis(app, 'MyApp_1.2.0_x64-setup.exe');
    const folder = await mkdtemp(join(await tempFolder(), 'saved-'));
    const link = `${url}/api/sync/ota/my-app/latest/win32/x64?bundle_type=nsis`;
    await run(command, [...args(link)], { cwd: folder });
    expect((await readdir(folder)).map((name) => name.replace(/\?.*$/, ''))).toEqual([
      'MyApp_1.2.0_x64-setup.exe',
    ]);
  });
});

test.skipIf(!isInstalled('nginx'))(
  'field 13: behind an nginx that compresses and rewrites the path (needs nginx), files resume, and checks still get 304',
  async () => {
    const server = await startServer();
    const direct = await server.listen();
    onTestFinished(() => direct.drain());
    const proxy = await startNginxWith(
      (port) => `server {
        listen 127.0.0.1:${port};
        gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;
        location /ota/ { proxy_pass ${direct.url}/; }
        location /kept/ { proxy_pass ${direct.url}; }
      }`,
    );
    const app = await Publisher.on(server);
    const releaseId = await publishNsis(app, 'Größe & Co (1)_x64-setup.exe');
    const get = (path: string, headers = {}) =>
      fetch(new URL(path, proxy.url), { headers: { 'accept-encoding': 'gzip', ...headers } });

    const file = `/ota${await app.downloadPath(releaseId, WINDOWS)}`;
    const whole = await get(file);
    const etag = whole.headers.get('etag') ?? '';
    expect(whole.status).toBe(200);
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    const resumed = await get(file, { 'if-match': etag, range: 'bytes=4-12' });
    expect(resumed.status).toBe(206);
    expect(await resumed.text()).toBe('installer');

    const check = '/ota/api/sync/ota/my-app/windows/x86_64/1.0.0';
    const offer = await get(check);
    const weak = offer.headers.get('etag') ?? '';
    expect(weak).toMatch(/^W\//); // nginx compressed it
    expect((await get(check, { 'if-none-match': weak })).status).toBe(304);

    const kept = await get('/kept/api/sync/ota');
    expect(await kept.json()).toMatchObject({ code: 'not_found' });
  },
);

test.skipIf(!isInstalled('apache2'))(
  'field 13: behind an Apache that compresses even files (needs apache2), a resume starts over or goes on, and never fails',
  async () => {
    const server = await startServer();
    const { url, drain } = await server.listen();
    onTestFinished(() => drain());
    const app = await Publisher.on(server);
    const releaseId = await publishNsis(app, 'MyApp-setup.exe');
    const file = (await startCompressingApache(url)) + (await app.downloadPath(releaseId, WINDOWS));
    const get = (headers: Readonly<Record<string, string>>) => fetch(file, { headers });
    const etag = (await get({ 'accept-encoding': 'gzip' })).headers.get('etag') ?? '';
    expect(etag).toMatch(/-gzip"$/);
    const range = { 'accept-encoding': 'identity', range: 'bytes=4-12' };
    expect((await get({ ...range, 'if-match': etag })).status).toBe(412);
    expect(await (await get({ ...range, 'if-range': etag })).text()).toBe(BYTES.toString());
    const plain = (await get({ 'accept-encoding': 'identity' })).headers.get('etag') ?? '';
    expect((await get({ ...range, 'if-match': plain })).status).toBe(206);
  },
);

test.skipIf(!isInstalled('haproxy'))(
  'field 13: a HAProxy that compresses (needs haproxy) heeds that files are not to be transformed',
  async () => {
    const server = await startServer();
    const { url, drain } = await server.listen();
    onTestFinished(() => drain());
    const app = await Publisher.on(server);
    const releaseId = await publishNsis(app, 'MyApp-setup.exe');
    const file = (await startCompressingHaproxy(url)) + (await app.downloadPath(releaseId, WINDOWS));
    const whole = await fetch(file, { headers: { 'accept-encoding': 'gzip' } });
    expect(whole.headers.get('content-encoding')).toBeNull();
    expect(whole.headers.get('content-length')).toBe(String(BYTES.length));
  },
);

/** @returns its origin */
async function startCompressingApache(to: string): Promise<string> {
  const folder = join(await tempFolder(), 'apache');
  await mkdir(folder);
  const [port = 0] = await freePorts(1);
  const modules = ['mpm_event', 'authz_core', 'filter', 'deflate', 'proxy', 'proxy_http'];
  const config = `
    ${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
    ServerRoot ${folder}
    ServerName 127.0.0.1
    Listen 127.0.0.1:${port}
    PidFile ${folder}/apache.pid
    ErrorLog ${folder}/error.log
    ProxyPass / ${to}/
    SetOutputFilter DEFLATE`;
  await writeFile(join(folder, 'apache.conf'), config);
  const command = ['apache2', '-D', 'FOREGROUND', '-f', join(folder, 'apache.conf')];
  return (await startUntilFinished({ folder, port, command })).url.origin;
}

/** @returns its origin */
async function startCompressingHaproxy(to: string): Promise<string> {
  const folder = join(await tempFolder(), 'haproxy');
  await mkdir(folder);
  const [port = 0] = await freePorts(1);
  const config = `
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen updates
  bind 127.0.0.1:${port}
  compression algo gzip
  server node ${new URL(to).host}
`;
  await writeFile(join(folder, 'haproxy.cfg'), config);
  const command = ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')];
  return (await startUntilFinished({ folder, port, command, endsBy: 'TERM' })).url.origin;
}
