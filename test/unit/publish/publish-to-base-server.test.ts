import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import type { Platform } from '../../../src/protocol/platform.ts';
import { type PublishRequest, publish } from '../../../src/publish/publish.ts';
import { publishArtifact } from '../../../src/publish/publish-artifact.ts';
import { ScriptedTransport } from '../../support/network/scripted-transport.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { APP_ID, BaseServer, BUCKET, SERVER } from '../../support/publish/base-server.ts';
import { publisherOver, publishRequest, TOKEN } from '../../support/publish/test-publisher.ts';
import { DEB, LINUX, MAC, writeArtifact } from '../../support/tauri/local-file.ts';

const APP = `/api/sync/ota/apps/${APP_ID}`;
const writesOf = (transport: ScriptedTransport) => transport.calls.filter((call) => !call.startsWith('GET'));

async function publishTo(
  server: BaseServer,
  fields: Partial<PublishRequest>,
  transport = new ScriptedTransport(...server.handlers),
) {
  const publisher = publisherOver(transport);
  const outcome = publish(publisher, publishRequest(fields));
  return { result: await outcome.catch((error: unknown) => error), outcome, publisher, transport };
}

describe('a publish to a server that knows api.md only', () => {
  test('sends the documented fields and no others', async () => {
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    const { outcome, transport } = await publishTo(new BaseServer(), { artifacts: [artifact] });
    const { status, artifacts } = await outcome;
    expect(status).toBe('published');
    expect(artifacts).toMatchObject([{ action: 'upload', verified: true }]);
    expect(transport.bodiesOf('PUT', '/slug')).toEqual([{ slug: 'my-app' }]);
    expect(transport.bodiesOf('POST', '/releases')).toEqual([
      { version: '1.2.0', notes: 'Fixes.', signature: artifact.signature },
    ]);
    expect(transport.bodiesOf('POST', '/artifacts')).toEqual([
      { target: 'linux', arch: 'x86_64', file_size: artifact.size },
    ]);
    expect(writesOf(transport)).toEqual([
      `PUT ${APP}/slug`,
      `POST ${APP}/releases`,
      `POST ${APP}/releases/release-1/artifacts`,
      'PUT /ota/my-app/1.2.0/linux-x86_64',
    ]);
  });

  test('pains 15: sends the token to its own origin only, and only to routes that need it', async () => {
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    const { outcome, transport } = await publishTo(new BaseServer(), { artifacts: [artifact] });
    await outcome;
    const elsewhere = transport.requests.filter(({ url }) => url.origin !== SERVER);
    expect(new Set(elsewhere.map(({ url, method }) => `${method} ${url.origin}`))).toEqual(
      new Set([`PUT ${BUCKET}`, `GET ${BUCKET}`]),
    );
    const carriers = transport.requests.filter((request) => JSON.stringify(request.headers).includes(TOKEN));
    expect(carriers.length).toBeGreaterThan(0);
    for (const { url } of carriers) {
      expect(url.href).toContain(`${SERVER}${APP}/`);
      expect(url.href).not.toContain(TOKEN);
    }
  });

  test('with several signatures is refused before anything is created', async () => {
    const folder = await tempFolder();
    const artifacts = [await writeArtifact(folder, LINUX), await writeArtifact(folder, MAC)];
    const { result, transport } = await publishTo(new BaseServer(), { artifacts });
    expect(result).toMatchObject({ code: 'preflight_refused', issueIds: ['server.one_signature'] });
    expect(transport.calls.length).toBeGreaterThan(0);
    expect(writesOf(transport)).toEqual([]);
  });

  test('with one signature for two platforms succeeds', async () => {
    const folder = await tempFolder();
    const bytes = Buffer.from('a universal bundle');
    const artifacts = [
      await writeArtifact(folder, MAC, 'same', bytes),
      await writeArtifact(folder, { target: 'darwin', arch: 'x86_64' }, 'same', bytes),
    ];
    const { outcome } = await publishTo(new BaseServer(), { artifacts });
    expect((await outcome).artifacts.map(({ verified }) => verified)).toEqual([true, true]);
  });

  test('warns that nothing was verified if the slug is unknown', async () => {
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    const { outcome, publisher } = await publishTo(new BaseServer(), {
      artifacts: [artifact],
      slug: undefined,
    });
    expect((await outcome).artifacts).toMatchObject([{ verified: false }]);
    expect(publisher.events).toContainEqual({
      type: 'warning',
      message: expect.stringContaining('not verified'),
    });
  });

  test('only plans with --dry-run', async () => {
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    const { outcome, transport } = await publishTo(new BaseServer(), { artifacts: [artifact], dryRun: true });
    expect(await outcome).toMatchObject({
      status: 'planned',
      release: undefined,
      artifacts: [{ action: 'upload', verified: false }],
    });
    expect(writesOf(transport)).toEqual([]);
  });

  test('fails if the server then serves a different file', async () => {
    const server = new BaseServer();
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    const other = http.get(`${BUCKET}/*`, () => HttpResponse.text('other'));
    const transport = new ScriptedTransport(other, ...server.handlers);
    const { result } = await publishTo(server, { artifacts: [artifact] }, transport);
    expect(result).toMatchObject({
      code: 'verification_failed',
      message: expect.stringContaining('linux-x86_64'),
    });
  });
});

describe('a publish that is run again on a server that knows api.md only', () => {
  test('compares by download, and uploads nothing', async () => {
    const server = new BaseServer();
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    await (await publishTo(server, { artifacts: [artifact] })).outcome;
    const { outcome, transport } = await publishTo(server, { artifacts: [artifact] });
    const { status, artifacts } = await outcome;
    expect(artifacts).toMatchObject([{ action: 'skip', verified: true }]);
    expect(status).toBe('unchanged');
    expect(transport.calls).toContain('GET /ota/my-app/1.2.0/linux-x86_64');
    expect(writesOf(transport).filter((call) => !call.endsWith('/slug'))).toEqual([]);
  });

  test('uploads only what is missing', async () => {
    const server = new BaseServer();
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    server.slug = 'my-app';
    server.createRelease({ version: '1.2.0', notes: 'Fixes.', signature: artifact.signature });
    const { outcome, transport } = await publishTo(server, { artifacts: [artifact] });
    expect((await outcome).artifacts).toMatchObject([{ action: 'upload', verified: true }]);
    expect(writesOf(transport)).not.toContain(`POST ${APP}/releases`);
  });

  test.each([
    ['other bytes', (folder: string) => writeArtifact(folder, LINUX, 'same'), ['file.other_bytes']],
    [
      'another signature',
      (folder: string) => writeArtifact(folder, LINUX, 'other'),
      ['release.other_signature', 'file.other_bytes'],
    ],
  ])('with %s is a conflict, and writes nothing', async (_, rewrite, issueIds) => {
    const server = new BaseServer();
    const folder = await tempFolder();
    const first = await writeArtifact(folder, LINUX, 'same');
    await (await publishTo(server, { artifacts: [first] })).outcome;
    const { result, transport } = await publishTo(server, { artifacts: [await rewrite(folder)] });
    expect(result).toMatchObject({ code: 'conflict', issueIds });
    expect(writesOf(transport)).toEqual([]);
  });

  test('without a slug uploads the same files again, and says that nothing was verified', async () => {
    const server = new BaseServer();
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    await (await publishTo(server, { artifacts: [artifact] })).outcome;
    const { result } = await publishTo(server, { artifacts: [artifact], slug: undefined });
    expect(result).toMatchObject({
      status: 'published',
      artifacts: [{ action: 'upload', verified: false }],
      warnings: expect.arrayContaining([expect.stringContaining('not verified')]),
    });
  });
});

describe('one file to a server that knows api.md only', () => {
  async function publishOne(platform: Platform) {
    const server = new BaseServer();
    const artifact = await writeArtifact(await tempFolder(), platform);
    server.slug = 'my-app';
    server.createRelease({ version: '1.2.0', notes: '', signature: artifact.signature });
    const transport = new ScriptedTransport(...server.handlers);
    const request = { ...platform, file: artifact.file, release: '1.2.0' };
    const outcome = await publishArtifact(publisherOver(transport), request).catch((error: unknown) => error);
    return { outcome, transport, artifact };
  }

  test('is added to an existing release', async () => {
    const { outcome, transport } = await publishOne(LINUX);
    expect(outcome).toMatchObject({ action: 'upload' });
    expect(writesOf(transport)).toEqual([
      `POST ${APP}/releases/release-1/artifacts`,
      'PUT /ota/my-app/1.2.0/linux-x86_64',
    ]);
  });

  test('is sent without its bundle type', async () => {
    const { outcome, transport, artifact } = await publishOne(DEB);
    expect(outcome).toMatchObject({ action: 'upload' });
    expect(transport.bodiesOf('POST', '/artifacts')).toEqual([{ ...LINUX, file_size: artifact.size }]);
  });

  test('is refused for an undocumented arch', async () => {
    const { outcome, transport } = await publishOne({ target: 'linux', arch: 'armv7' });
    expect(outcome).toMatchObject({ code: 'preflight_refused', message: expect.stringContaining('archs') });
    expect(writesOf(transport)).toEqual([]);
  });
});

describe('nothing is written', () => {
  test('if a file or the request is invalid, and all issues are reported', async () => {
    const artifact = await writeArtifact(await tempFolder(), LINUX);
    const missing = { ...MAC, file: `${artifact.file}.missing` };
    const { result, transport } = await publishTo(new BaseServer(), {
      artifacts: [artifact, missing],
      version: '1.2.0-rc.1',
    });
    expect(result).toMatchObject({ code: 'usage' });
    expect(String(result)).toContain('1.2.0-rc.1 is a pre-release');
    expect(String(result)).toContain(`${missing.file} does not exist`);
    expect(writesOf(transport)).toEqual([]);
  });
});
