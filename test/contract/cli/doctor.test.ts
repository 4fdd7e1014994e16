import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { FINDING_IDS, type FindingId } from '../../../src/cli/doctor/finding.ts';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { signFile } from '../../../src/protocol/minisign-signer.ts';
import { tableRows } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';
import { makeCertificate } from '../../support/network/certificates.ts';
import { deadUrl, listenHttp, listenUntilFinished } from '../../support/network/loopback-server.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer, type TestServer } from '../../support/server/server.ts';
import { generateKeyInProcess, signInProcess } from '../../support/tauri/in-process-signer.ts';
import { copyProject, layOutBuild, updaterFor } from '../../support/tauri/tauri-project.ts';

const key = generateKeyInProcess();
const otherKey = generateKeyInProcess();
const PRIVATE_KEY = Buffer.from('untrusted comment: rsign encrypted secret key\nabc\n').toString('base64');

/** Ids that a test below has seen, each with what it takes. */
const seen = new Set<string>();

let server: TestServer;
let url: string;
let app: { id: string; token: string };

beforeEach(async () => {
  server = await openTestServer(join(await tempFolder(), 'server'));
  onTestFinished(() => server.close());
  ({ url } = await server.listen());
  app = await server.createApp({ slug: 'note-taker', pubkey: key.publicKey });
});

const asApp = () => ({ SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token });

async function doctor(args: readonly string[], env: Record<string, string> = {}) {
  const { code, document } = await runJsonInProcess(['doctor', ...args], { env });
  const ids: string[] = document.findings.map(({ id }: { id: string }) => id);
  for (const id of ids) seen.add(id);
  return { code, document, ids };
}

async function signWithoutVersion(file: string): Promise<void> {
  const blake2b512 = createHash('blake2b512')
    .update(await readFile(file))
    .digest();
  const signed = { blake2b512, fileName: basename(file), version: undefined };
  await writeFile(`${file}.sig`, signFile(key.pair, signed, new Date()));
}

const projectWith = (updater: object, more: object = {}) =>
  copyProject({ plugins: { updater }, bundle: { createUpdaterArtifacts: true }, ...more });

/** A project, with a build that was published. */
async function publishedProject(updater: object = {}, version = '1.2.0') {
  const project = await projectWith({ ...updaterFor(url, { pubkey: key.publicKey }), ...updater });
  await layOutBuild(project, 'linux', { sign: (file) => signInProcess(key, file, version) });
  const { code } = await runJsonInProcess(['publish', '--project', project], { env: asApp() });
  expect(code).toBe(EXIT.done);
  return project;
}

test('nothing is found where an app gets its updates', async () => {
  const project = await publishedProject();
  const { code, document } = await doctor(['--project', project], asApp());
  expect(document.findings.filter(({ id }: { id: string }) => id !== 'app.bundle_types')).toEqual([]);
  expect(document.examined).toMatchObject({ slug: 'note-taker', app: app.id, platforms: ['linux-x86_64'] });
  expect(code).toBe(EXIT.done);
});

test('needs neither a token nor options: the endpoint of the project is enough', async () => {
  const project = await publishedProject();
  const { code, document } = await doctor(['--project', project]);
  expect(code).toBe(EXIT.done);
  expect(document.examined).toMatchObject({ slug: 'note-taker', server: `${url}/`, app: null });
});

test('the token goes only to a server that an option, the environment or the config file names', async () => {
  const tokens: (string | undefined)[] = [];
  const place = await listenHttp(({ headers }, response) => {
    tokens.push(headers.authorization);
    response.writeHead(404).end('{}');
  });
  const project = await projectWith(updaterFor(place.origin, { pubkey: key.publicKey }));
  await doctor(['--project', project], { SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token });
  expect(tokens.length).toBeGreaterThan(0);
  expect(tokens.filter((token) => token !== undefined)).toEqual([]);
});

describe('in the project', () => {
  type Case = readonly [id: FindingId, updater: () => object, more?: object];
  const endpoint = (text: string) => ({ ...updaterFor(url, { pubkey: key.publicKey }), endpoints: [text] });
  const cases: readonly Case[] = [
    ['project.no_updater', () => ({})],
    ['project.no_pubkey', () => updaterFor(url)],
    ['project.private_key', () => updaterFor(url, { pubkey: PRIVATE_KEY })],
    ['project.unreadable_pubkey', () => updaterFor(url, { pubkey: 'no key' })],
    ['project.no_endpoints', () => ({ pubkey: key.publicKey })],
    ['project.endpoint_placeholders', () => endpoint(`${url}/api/sync/ota/note-taker/{{target}}/{{arch}}`)],
    [
      'project.endpoint_placeholders',
      () => endpoint(`${url}/api/sync/ota/note-taker/linux/x86_64/{{current_version}}`),
    ],
    [
      'project.endpoint_placeholders',
      () => endpoint(`${url}/api/sync/ota/note-taker/{{target}}/{{arch}}/{{currentVersion}}`),
    ],
    [
      'project.http_endpoint',
      () => ({ ...updaterFor('http://updates.example.com', { pubkey: key.publicKey }) }),
    ],
    [
      'project.invalid_certificates',
      () => ({ ...updaterFor(url, { pubkey: key.publicKey }), dangerousAcceptInvalidCerts: true }),
    ],
    [
      'project.no_updater_artifacts',
      () => updaterFor(url, { pubkey: key.publicKey }),
      { bundle: { createUpdaterArtifacts: false } },
    ],
    ['project.unreadable', () => ({}), { version: 'not a version' }],
    ['app.unknown_slug', () => updaterFor(url, { pubkey: key.publicKey, slug: 'another' })],
    ['app.other_key', () => updaterFor(url, { pubkey: otherKey.publicKey })],
    ['app.no_release', () => updaterFor(url, { pubkey: key.publicKey })],
  ];
  test.each(cases.map(([id, updater, more = {}]) => ({ id, updater, more })))(
    '$id is found',
    async ({ id, updater, more }) => {
      const { ids, code, document } = await doctor(
        ['--project', await projectWith(updater(), more)],
        asApp(),
      );
      expect(ids).toContain(id);
      const hasError = document.findings.some(({ severity }: { severity: string }) => severity === 'error');
      expect(code === EXIT.done).toBe(!hasError);
      for (const { cause, fix } of document.findings) {
        expect(cause).toMatch(/\w/);
        expect(fix).toMatch(/\.$/);
      }
    },
  );

  test('project.keys_differ: one key for each system', async () => {
    const project = await projectWith(updaterFor(url, { pubkey: key.publicKey }));
    const overlay = JSON.stringify({ plugins: { updater: { pubkey: otherKey.publicKey } } });
    await writeFile(join(project, 'src-tauri/tauri.windows.conf.json'), overlay);
    expect((await doctor(['--project', project], asApp())).ids).toContain('project.keys_differ');
  });

  test('what holds for one system only says so', async () => {
    const project = await projectWith(updaterFor(url, { pubkey: key.publicKey }));
    const overlay = JSON.stringify({ plugins: { updater: { endpoints: [] } } });
    await writeFile(join(project, 'src-tauri/tauri.macos.conf.json'), overlay);
    const { document } = await doctor(['--project', project], asApp());
    expect(document.findings).toContainEqual(
      expect.objectContaining({
        id: 'project.no_endpoints',
        cause: expect.stringMatching(/\(for darwin\)$/),
      }),
    );
  });

  test('a folder without a project and without a server says what is missing', async () => {
    const { ids, code } = await doctor(['--project', await tempFolder()]);
    expect(ids).toEqual(['project.not_found', 'server.unknown']);
    expect(code).toBe(EXIT.usage);
  });
});

describe('of the server', () => {
  const none = () => tempFolder();

  test('server.unreachable: nothing listens', async () => {
    const args = ['--project', await none(), '--server', (await deadUrl()).href];
    const { ids, code } = await doctor(args);
    expect(ids).toContain('server.unreachable');
    expect(code).toBe(EXIT.network);
  });

  test('server.certificate: its certificate is not trusted', async () => {
    const place = await listenUntilFinished(createServer(makeCertificate(await tempFolder())));
    const { ids } = await doctor(['--project', await none(), '--server', `https://localhost:${place.port}`]);
    expect(ids).toContain('server.certificate');
  });

  const HTML = '<!doctype html><html><head><title>Welcome</title></head><body>hi</body></html>';
  test.each([
    ['server.redirect', 301, { location: 'https://other.example/api/sync/ota' }, '', EXIT.notTheApi],
    ['server.in_front', 302, { location: 'https://team.cloudflareaccess.com/login' }, '', EXIT.notTheApi],
    ['server.in_front', 200, { 'content-type': 'text/html' }, HTML, EXIT.notTheApi],
    ['server.in_front', 502, {}, '<html><body><center>nginx</center></body></html>', EXIT.network],
    ['server.failing', 500, {}, '{}', EXIT.network],
  ])('%s: status %d', async (id, status, headers, body, exit) => {
    const place = await listenHttp((_, response) => void response.writeHead(status, headers).end(body));
    const { ids, code } = await doctor(['--project', await none(), '--server', place.href]);
    expect(ids).toContain(id);
    expect(code).toBe(exit);
  });

  test('server.clock: it is an hour ahead', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const place = await listenHttp((_, response) => void response.writeHead(404, { date }).end('{}'));
    const { document, ids } = await doctor(['--project', await none(), '--server', place.href]);
    expect(ids).toContain('server.clock');
    expect(document.findings[1].cause).toContain("60 min apart: the server's is ahead");
  });

  test('no server.clock: a cache answers with an old page, and says how old it is', async () => {
    let asked = 0;
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    const body = JSON.stringify({ name: 'synckit-ota', version: '0.1.0', extensions: ['draft'] });
    const headers = { date, age: '3600', 'content-type': 'application/json' };
    const place = await listenHttp((request, response) => {
      if (request.url === '/api/sync/ota') asked += 1;
      response.writeHead(200, headers).end(body);
    });
    const { ids } = await doctor(['--project', await none(), '--server', place.href]);
    expect(ids).not.toContain('server.clock');
    expect(asked).toBe(1);
  });

  test('server.public_url and app.endpoint_mismatch: another server and another app', async () => {
    const elsewhere = await listenHttp((_, response) => void response.writeHead(204).end());
    const other = await openTestServer(join(await tempFolder(), 'other'), {
      publicUrl: () => elsewhere.origin,
    });
    onTestFinished(() => other.close());
    const { url: address } = await other.listen();
    const { id, token } = await other.createApp({ slug: 'note-taker' });
    const project = await projectWith(updaterFor(elsewhere.origin, { pubkey: key.publicKey }));
    const { ids, code } = await doctor(['--project', project], {
      ...{ SYNCKIT_OTA_SERVER: address, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token },
    });
    expect(ids).toEqual(expect.arrayContaining(['server.public_url', 'app.endpoint_mismatch']));
    expect(code).toBe(EXIT.preflightRefused);
  });
});

describe('of what apps are answered', () => {
  test('app.bundle_types: a platform has several kinds, and old updaters do not say theirs', async () => {
    const project = await publishedProject();
    expect((await doctor(['--project', project])).ids).toEqual(['app.bundle_types']);
  });

  test('app.unbound_signature: apps that require a signed version get none', async () => {
    const unbound = await projectWith(updaterFor(url, { pubkey: key.publicKey }));
    await layOutBuild(unbound, 'linux', { sign: signWithoutVersion });
    await server.database.queries.updateTable('apps').set({ require_bound_signatures: 0 }).execute();
    expect((await runJsonInProcess(['publish', '--project', unbound], { env: asApp() })).code).toBe(
      EXIT.done,
    );
    const project = await projectWith({
      ...updaterFor(url, { pubkey: key.publicKey }),
      requireSignedVersion: true,
    });
    const { ids, code } = await doctor(['--project', project]);
    expect(ids).toContain('app.unbound_signature');
    expect(code).toBe(EXIT.preflightRefused);
  });

  test.each([
    ['a version that is none', { version: 'new', url: 'https://a.example/f', signature: 's' }],
    ['a signature that is none', { version: '9.0.0', url: 'http://127.0.0.1/f', signature: 's' }],
  ])('app.unusable_update: %s', async (_, update) => {
    const place = await listenHttp(({ url: path = '' }, response) => {
      const isCheck = path.includes('/note-taker/');
      response.writeHead(isCheck ? 200 : 404).end(isCheck ? JSON.stringify(update) : '{}');
    });
    const args = ['--project', await tempFolder(), '--server', place.href, '--slug', 'note-taker'];
    expect((await doctor(args)).ids).toContain('app.unusable_update');
  });

  test('app.stranded_versions: what leads them on was yanked', async () => {
    const release = async (version: string, requires?: string) => {
      const project = await projectWith(updaterFor(url, { pubkey: key.publicKey }), { version });
      await layOutBuild(project, 'linux', { version, sign: (file) => signInProcess(key, file, version) });
      const more = requires === undefined ? [] : ['--requires', requires];
      const { code } = await runJsonInProcess(['publish', '--project', project, ...more], { env: asApp() });
      expect(code).toBe(EXIT.done);
      return project;
    };
    await release('1.0.0');
    await release('1.1.0');
    const project = await release('1.2.0', '1.1.0');
    const yank = ['releases', 'yank', '1.1.0', '--allow-stranding'];
    expect((await runInProcess(yank, { env: asApp() })).code).toBe(EXIT.done);
    const { ids, code } = await doctor(['--project', project], asApp());
    expect(ids).toContain('app.stranded_versions');
    expect(code).toBe(EXIT.preflightRefused);
  });
});

describe('of the token', () => {
  const withToken = async (token: string) =>
    doctor(['--project', await tempFolder()], { ...asApp(), SYNCKIT_OTA_TOKEN: token });

  test('token.refused: it is unknown', async () => {
    const { ids, code } = await withToken('unknown');
    expect(ids).toContain('token.refused');
    expect(code).toBe(EXIT.unauthorized);
  });

  test('token.scope: it only reads', async () => {
    const { ids, code } = await withToken(await server.createToken(app.id, { scopes: ['release:read'] }));
    expect(ids).toContain('token.scope');
    expect(code).toBe(EXIT.unauthorized);
  });

  test('token.expires: it ends within two weeks', async () => {
    const expiresAt = new Date(Date.now() + 5 * 24 * 3_600_000);
    const { ids, code } = await withToken(await server.createToken(app.id, { expiresAt }));
    expect(ids).toContain('token.expires');
    expect(code).toBe(EXIT.done);
  });

  test('token.trusted_only: the app accepts none', async () => {
    await server.database.queries.updateTable('apps').set({ trusted_only: 1 }).execute();
    expect((await withToken(app.token)).ids).toContain('token.trusted_only');
  });
});

test('every finding has a test, and a row in the reference', () => {
  expect([...FINDING_IDS].filter((id) => !seen.has(id))).toEqual([]);
  const listed = tableRows(readText('docs/reference/doctor.md')).map(([id = '']) => id.replaceAll('`', ''));
  expect(listed).toEqual([...FINDING_IDS]);
});
