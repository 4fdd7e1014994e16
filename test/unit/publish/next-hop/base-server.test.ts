import { getResponse, HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import type { Target } from '../../../../src/protocol/platform.ts';
import { publish } from '../../../../src/publish/publish.ts';
import type { UpdaterConfig } from '../../../../src/tauri/project/tauri-config.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { BaseServer, SERVER } from '../../../support/publish/base-server.ts';
import { publisherOver, publishRequest } from '../../../support/publish/test-publisher.ts';
import { LINUX, writeArtifact } from '../../../support/tauri/local-file.ts';

const CDN = 'https://cdn.example';
const CHECK = '/api/sync/ota/my-app/{{target}}/{{arch}}/{{current_version}}';

/** A CDN in front of a base server. @param intercept answers some paths itself */
function cdn(server: BaseServer, intercept: (path: string) => Response | undefined = () => undefined) {
  return http.get(`${CDN}/*`, async ({ request }) => {
    const { pathname, search } = new URL(request.url);
    const own = intercept(pathname);
    return own ?? (await getResponse(server.handlers, new Request(SERVER + pathname + search)));
  });
}

async function publishTo(server: BaseServer, endpoint: string, ...handlers: ReturnType<typeof cdn>[]) {
  const transport = new ScriptedTransport(...handlers, ...server.handlers);
  const publisher = publisherOver(transport);
  const config = {
    source: 'tauri.conf.json',
    endpoints: [endpoint],
    allowsHttp: false,
    acceptsInvalidCertificates: false,
  };
  const updaters: ReadonlyMap<Target, UpdaterConfig> = new Map([['linux', config]]);
  const artifacts = [await writeArtifact(await tempFolder(), LINUX)];
  const request = publishRequest({ artifacts, updaters });
  const outcome = await publish(publisher, request).catch((error: unknown) => error);
  return { outcome, transport };
}

function withRelease(): BaseServer {
  const server = new BaseServer();
  server.slug = 'my-app';
  server.createRelease({ version: '1.1.0', notes: '', signature: 'sig' });
  return server;
}

function withSlug(): BaseServer {
  const server = new BaseServer();
  server.slug = 'my-app';
  return server;
}

const MISMATCH = { code: 'preflight_refused', issueIds: ['app.endpoint_mismatch'] };
const none = () => new HttpResponse(null, { status: 204 });

describe('field 2: with a server that knows api.md only, a build is published if its endpoint', () => {
  test.each([
    ['is on that server', new BaseServer(), `${SERVER}${CHECK}`],
    ['is on that server, which has releases', withRelease(), `${SERVER}${CHECK}`],
    ['is on a CDN in front, which has no releases', new BaseServer(), `${CDN}${CHECK}`],
    ['is on a CDN in front, which knows the slug', withSlug(), `${CDN}${CHECK}`],
    ['is on a CDN in front, which offers the same', withRelease(), `${CDN}${CHECK}`],
  ])('%s', async (_, server, endpoint) => {
    const { outcome } = await publishTo(server, endpoint, cdn(server));
    expect(outcome).toMatchObject({ status: 'published' });
  });

  test('is on a CDN that still has an older answer, but not for a URL that is new to it', async () => {
    const server = withRelease();
    const stale = (path: string) =>
      path.endsWith('/1.1.0') || path.endsWith('/0.0.0-0') ? none() : undefined;
    const { outcome } = await publishTo(server, `${CDN}${CHECK}`, cdn(server, stale));
    expect(outcome).toMatchObject({ status: 'published' });
  });
});

describe('field 2: with a server that knows api.md only, a build is refused if its endpoint', () => {
  test.each([
    ['offers nothing, where that server does', withRelease(), none],
    ['answers 204 to anything', withSlug(), none],
    [
      'offers a release of its own',
      withRelease(),
      () => HttpResponse.json({ version: '9.0.0', url: `${CDN}/x`, signature: 'other' }),
    ],
    [
      'offers the same version as another file',
      withRelease(),
      () => HttpResponse.json({ version: '1.1.0', url: `${CDN}/x`, signature: 'sig' }),
    ],
  ])('%s', async (_, server, answer) => {
    const { outcome, transport } = await publishTo(server, `${CDN}${CHECK}`, cdn(server, answer));
    expect(outcome).toMatchObject(MISMATCH);
    expect(transport.calls.filter((call) => !call.startsWith('GET'))).toEqual([]);
  });

  test('is on loopback, where that server is not', async () => {
    const { outcome, transport } = await publishTo(withRelease(), `https://localhost${CHECK}`);
    expect(outcome).toMatchObject(MISMATCH);
    expect(transport.requests.filter(({ url }) => url.hostname === 'localhost')).toEqual([]);
  });

  test('does not know the slug once it is registered', async () => {
    const server = new BaseServer();
    const missing = () => HttpResponse.json({ error: 'not found' }, { status: 404 });
    const { outcome, transport } = await publishTo(server, `${CDN}${CHECK}`, cdn(server, missing));
    expect(outcome).toMatchObject(MISMATCH);
    expect(transport.calls.filter((call) => !call.startsWith('GET'))).toEqual([
      'PUT /api/sync/ota/apps/app-1/slug',
    ]);
  });
});
