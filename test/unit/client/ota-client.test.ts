import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { OtaClient } from '../../../src/client/ota-client.ts';
import { ScriptedTransport } from '../../support/network/scripted-transport.ts';

const API = 'https://ota.example/api/sync/ota';
const RELEASE = { id: 'r1', version: '1.2.0' };
const LINUX = { target: 'linux', arch: 'x86_64' } as const;

function client(transport: ScriptedTransport, server = 'https://ota.example', token = 'secret') {
  return new OtaClient({ server: new URL(server), token, transport });
}

describe('the requests of the client', () => {
  const cases: readonly {
    name: string;
    call: (client: OtaClient) => Promise<unknown>;
    request: string;
    body?: unknown;
    public?: true;
    answer: () => Response;
  }[] = [
    {
      name: 'capabilities',
      call: (api) => api.capabilities(),
      request: 'GET /api/sync/ota',
      public: true,
      answer: () => HttpResponse.json({ name: 'n', version: '1', extensions: [] }),
    },
    {
      name: 'getApp',
      call: (api) => api.getApp('a1'),
      request: 'GET /api/sync/ota/apps/a1',
      answer: () => HttpResponse.json({ id: 'a1', name: 'A', slug: null, pubkey: null }),
    },
    {
      name: 'getApp with its releases',
      call: (api) => api.getApp('a1', { include: 'releases' }),
      request: 'GET /api/sync/ota/apps/a1?include=releases',
      answer: () => HttpResponse.json({ id: 'a1', name: 'A', slug: null, pubkey: null, releases: [RELEASE] }),
    },
    {
      name: 'setSlug',
      call: (api) => api.setSlug('a1', 'my-app'),
      request: 'PUT /api/sync/ota/apps/a1/slug',
      body: { slug: 'my-app' },
      answer: () => HttpResponse.json({}),
    },
    {
      name: 'createRelease',
      call: (api) => api.createRelease('a1', { version: '1.2.0', notes: 'n', signature: 's' }),
      request: 'POST /api/sync/ota/apps/a1/releases',
      body: { version: '1.2.0', notes: 'n', signature: 's' },
      answer: () => HttpResponse.json(RELEASE, { status: 201 }),
    },
    {
      name: 'createArtifact',
      call: (api) => api.createArtifact('a1', 'r1', { ...LINUX, file_size: 7 }),
      request: 'POST /api/sync/ota/apps/a1/releases/r1/artifacts',
      body: { target: 'linux', arch: 'x86_64', file_size: 7 },
      answer: () => HttpResponse.json({ upload_url: 'https://s3.example/u', s3_key: 'k' }),
    },
    {
      name: 'listReleases',
      call: (api) => api.listReleases('a1'),
      request: 'GET /api/sync/ota/apps/a1/releases',
      answer: () => HttpResponse.json([]),
    },
    {
      name: 'publishRelease',
      call: (api) =>
        api.publishRelease('a1', 'r1', { required: [{ ...LINUX, bundle_type: 'deb', sha256: 'a' }] }),
      request: 'POST /api/sync/ota/apps/a1/releases/r1/publish',
      body: [{ target: 'linux', arch: 'x86_64', bundle_type: 'deb', sha256: 'a' }],
      answer: () => HttpResponse.json({ ...RELEASE, status: 'published' }),
    },
    {
      name: 'publishRelease whoever is stranded',
      call: (api) => api.publishRelease('a1', 'r1', { required: null, allowStranding: true }),
      request: 'POST /api/sync/ota/apps/a1/releases/r1/publish?allow_stranding=true',
      body: null,
      answer: () => HttpResponse.json({ ...RELEASE, status: 'published' }),
    },
    {
      name: 'deleteRelease whoever is stranded',
      call: (api) => api.deleteRelease('a1', 'r1', { allowStranding: true }),
      request: 'DELETE /api/sync/ota/apps/a1/releases/r1?allow_stranding=true',
      answer: () => new HttpResponse(null, { status: 204 }),
    },
    {
      name: 'updateRelease',
      call: (api) => api.updateRelease('a1', 'r1', { status: 'yanked' }),
      request: 'PATCH /api/sync/ota/apps/a1/releases/r1',
      body: { status: 'yanked' },
      answer: () => HttpResponse.json({ ...RELEASE, status: 'yanked' }),
    },
    {
      name: 'deleteRelease with a number of artifacts',
      call: (api) => api.deleteRelease('a1', 'r1', { onlyWithArtifacts: 0 }),
      request: 'DELETE /api/sync/ota/apps/a1/releases/r1?artifacts=0',
      answer: () => new HttpResponse(null, { status: 204 }),
    },
    {
      name: 'deleteRelease',
      call: (api) => api.deleteRelease('a1', 'r1'),
      request: 'DELETE /api/sync/ota/apps/a1/releases/r1',
      answer: () => new HttpResponse(null, { status: 204 }),
    },
    {
      name: 'check',
      call: (api) => api.check({ ...LINUX, slug: 'my-app', currentVersion: '1.1.0' }),
      request: 'GET /api/sync/ota/my-app/linux/x86_64/1.1.0',
      public: true,
      answer: () => new HttpResponse(null, { status: 204 }),
    },
    {
      name: 'check by bundle type and channel',
      call: (api) =>
        api.check({ ...LINUX, bundleType: 'deb', slug: 'my-app', currentVersion: '1.1.0', channel: 'beta' }),
      request: 'GET /api/sync/ota/my-app/linux/x86_64/1.1.0?channel=beta&bundle_type=deb',
      public: true,
      answer: () => new HttpResponse(null, { status: 204 }),
    },
  ];

  test.each(cases)('$name: $request', async ({ call, request, body, public: isPublic, answer }) => {
    const transport = new ScriptedTransport(http.all('*', answer));
    await call(client(transport));
    expect(transport.requests.map(({ method, url }) => `${method} ${url.pathname}${url.search}`)).toEqual([
      request,
    ]);
    const sent = transport.requests[0];
    expect(sent?.headers).toEqual({
      accept: 'application/json',
      ...(!isPublic && { authorization: 'Bearer secret' }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    });
    expect(sent?.body.toString()).toBe(body === undefined ? '' : JSON.stringify(body));
  });

  test.each([
    ['https://ota.example', 'https://ota.example/api/sync/ota'],
    ['https://ota.example/', 'https://ota.example/api/sync/ota'],
    ['https://ota.example:8443', 'https://ota.example:8443/api/sync/ota'],
    ['https://ota.example/tools/updates', 'https://ota.example/tools/updates/api/sync/ota'],
    ['https://ota.example/tools/updates/', 'https://ota.example/tools/updates/api/sync/ota'],
    ['https://ota.example/api/sync/ota', 'https://ota.example/api/sync/ota'],
    ['https://ota.example/api/sync/ota/', 'https://ota.example/api/sync/ota'],
    ['https://ota.example/tools/api/sync/ota', 'https://ota.example/tools/api/sync/ota'],
  ])('the base URL %s leads to %s', async (server, root) => {
    const transport = new ScriptedTransport(
      http.get(`${root}/apps/a1/releases`, () => HttpResponse.json([])),
    );
    await client(transport, server).listReleases('a1');
    expect(transport.requests[0]?.url.href).toBe(`${root}/apps/a1/releases`);
  });

  test.each([
    ['1.2.0+build.5', '1.2.0%2Bbuild.5'],
    ['1.2.0-rc.1', '1.2.0-rc.1'],
  ])('a check from version %s asks for %s', async (version, encoded) => {
    const transport = new ScriptedTransport(
      http.get('https://ota.example/*', () => new HttpResponse(null, { status: 204 })),
    );
    await client(transport).check({ ...LINUX, slug: 'my-app', currentVersion: version });
    expect(transport.requests[0]?.url.href).toBe(`${API}/my-app/linux/x86_64/${encoded}`);
  });

  test('an id with a slash in it cannot reach another route', async () => {
    const transport = new ScriptedTransport(http.all('*', () => HttpResponse.json([])));
    await client(transport).listReleases('a/../../b?c#d');
    expect(transport.requests[0]?.url.href).toBe(`${API}/apps/a%2F..%2F..%2Fb%3Fc%23d/releases`);
  });

  test('the address of a download for a bundle type contains it', () => {
    const api = client(new ScriptedTransport());
    expect(api.downloadUrl('my-app', 'r1', { ...LINUX, bundleType: 'deb' }).href).toBe(
      'https://ota.example/api/sync/ota/my-app/download/r1/linux/x86_64?bundle_type=deb',
    );
  });

  test('addresses of apps and downloads keep the prefix too', () => {
    const api = client(new ScriptedTransport(), 'https://ota.example/tools');
    expect(api.downloadUrl('my-app', 'r1', LINUX).href).toBe(
      'https://ota.example/tools/api/sync/ota/my-app/download/r1/linux/x86_64',
    );
    expect(api.checkUrl('my-app')).toBe(
      'https://ota.example/tools/api/sync/ota/my-app/{{target}}/{{arch}}/{{current_version}}',
    );
  });
});

describe('the client accepts', () => {
  test.each([
    ['a bare array', [RELEASE]],
    ['a wrapped list', { releases: [RELEASE] }],
    ['a wrapped list with more around it', { releases: [RELEASE], next: null }],
  ])('releases as %s', async (_, answer) => {
    const transport = new ScriptedTransport(
      http.get(`${API}/apps/a1/releases`, () => HttpResponse.json(answer)),
    );
    expect(await client(transport).listReleases('a1')).toEqual([RELEASE]);
  });

  test('unknown fields', async () => {
    const answer = { ...RELEASE, notes: null, mood: 'good' };
    const transport = new ScriptedTransport(
      http.post(`${API}/apps/a1/releases`, () => HttpResponse.json(answer)),
    );
    expect(await client(transport).createRelease('a1', { version: '1.2.0' })).toEqual(answer);
  });

  test('an update with the documented fields', async () => {
    const update = {
      version: '1.2.0',
      url: 'https://ota.example/d',
      signature: 's',
      notes: 'n',
      pub_date: '2026-03-13T12:00:00Z',
    };
    const transport = new ScriptedTransport(
      http.get('https://ota.example/*', () => HttpResponse.json(update)),
    );
    expect(await client(transport).check({ ...LINUX, slug: 'my-app', currentVersion: '1.1.0' })).toEqual(
      update,
    );
  });

  test.each([
    ['404', () => HttpResponse.json({ error: 'no' }, { status: 404 })],
    ['401', () => new HttpResponse('no', { status: 401 })],
    ['a page with 200', () => HttpResponse.html('<html></html>')],
    ['other JSON', () => HttpResponse.json({ ok: true })],
    ['a redirect', () => new HttpResponse(null, { status: 302, headers: { location: '/login' } })],
  ])('a server without capabilities, which answers %s', async (_, answer) => {
    const transport = new ScriptedTransport(http.get(API, answer));
    expect(await client(transport).capabilities()).toBeUndefined();
  });

  test.each([
    ['a date', { date: 'Mon, 01 Jun 2026 00:10:00 GMT' }, 10],
    ['the date of a cache', { date: 'Mon, 01 Jun 2026 00:10:00 GMT', age: '300' }, 15],
    ['no date', {}, 0],
    ['a bad date', { date: 'soon' }, 0],
  ])(
    'attack F15: capabilities with %s, which show how far the clocks are apart',
    async (_, headers, minutes) => {
      const answer = () => HttpResponse.json({ name: 'n', version: '1', extensions: [] }, { headers });
      const transport = new ScriptedTransport(http.get(API, answer));
      const clock = () => new Date('2026-06-01T00:00:00Z');
      const api = new OtaClient({ server: new URL('https://ota.example'), token: 't', transport, clock });
      await api.capabilities();
      expect(api.clockLeadMs).toBe(minutes * 60_000);
    },
  );

  test.each([429, 500, 503])(
    'no capabilities only if the server says so, and not after %i',
    async (status) => {
      const transport = new ScriptedTransport(http.get(API, () => new HttpResponse(null, { status })));
      await expect(client(transport).capabilities()).rejects.toMatchObject({ code: 'network' });
    },
  );
});
