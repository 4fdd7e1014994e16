import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import https from 'node:https';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/errors.ts';
import type { Target } from '../../../src/protocol/platform.ts';
import type { PublishRequest } from '../../../src/publish/publish.ts';
import type { UpdaterConfig } from '../../../src/tauri/project/tauri-config.ts';
import { deadUrl, listenHttp, listenUntilFinished } from '../../support/network/loopback-server.ts';
import { type PublishWorld, startPublishWorld } from '../../support/publish/publish-world.ts';
import { DEB, LINUX, MAC } from '../../support/tauri/local-file.ts';

/*
 * The endpoints of a build, asked at real servers: ours, ours again as somebody else's, proxies in front of ours, and
 * servers that have nothing to do with it.
 */

const CHECK = '{{target}}/{{arch}}/{{current_version}}';
const PUBLISHED = { outcome: { status: 'published' }, warnings: [] };
const JSON_TYPE = { 'content-type': 'application/json' };

function updaters(
  endpoints: readonly string[],
  settings: Partial<UpdaterConfig> = {},
): ReadonlyMap<Target, UpdaterConfig> {
  const config = {
    source: 'src-tauri/tauri.conf.json',
    endpoints,
    allowsHttp: true,
    acceptsInvalidCertificates: false,
    ...settings,
  };
  return new Map([
    ['linux', config],
    ['darwin', config],
  ]);
}

/** A publish with a build that has these endpoints. */
async function publishWith(
  world: PublishWorld,
  endpoints: readonly string[] | ReadonlyMap<Target, UpdaterConfig>,
  fields: Partial<PublishRequest> = {},
) {
  const map = Array.isArray(endpoints)
    ? updaters(endpoints)
    : (endpoints as ReadonlyMap<Target, UpdaterConfig>);
  const { outcome, publisher } = await world.run({ updaters: map, ...fields });
  const reported = publisher.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  if (Array.isArray(outcome.warnings)) expect(reported).toEqual(outcome.warnings);
  // The files here have no real signatures.
  return {
    outcome,
    warnings: reported.filter((message) => !message.includes('signature') && !message.includes('.sig ')),
  };
}

/** Refused before anything was written. @returns the message, and the hint */
async function refusal(
  world: PublishWorld,
  endpoints: readonly string[] | ReadonlyMap<Target, UpdaterConfig>,
  fields: Partial<PublishRequest> = {},
): Promise<string> {
  const before = await world.releases();
  const { outcome } = await publishWith(world, endpoints, fields);
  expect(outcome).toBeInstanceOf(OtaError);
  expect(outcome.code).toBe('preflight_refused');
  expect(new Set(outcome.issueIds)).toEqual(new Set(['app.endpoint_mismatch']));
  expect(await world.releases()).toEqual(before);
  const dryRun = await publishWith(world, endpoints, { ...fields, dryRun: true });
  expect(dryRun.outcome.message).toBe(outcome.message);
  return `${outcome.message} ${outcome.hint ?? ''}`;
}

/** A world with 1.1.0 live under `my-app`. */
async function startLiveWorld(): Promise<PublishWorld> {
  const world = await startPublishWorld([LINUX, MAC, DEB]);
  const { outcome } = await world.run({ version: '1.1.0' });
  expect(outcome.status).toBe('published');
  return world;
}

/** Passes requests on to a server, each changed as told. */
async function listenProxy(
  to: string,
  {
    rewrite = (path: string) => path,
    dropTag = false,
  }: { rewrite?: (path: string) => string; dropTag?: boolean } = {},
): Promise<URL> {
  return listenHttp(async ({ url = '' }: IncomingMessage, response) => {
    const answer = await fetch(to + rewrite(url), { redirect: 'manual' });
    const headers = Object.fromEntries(answer.headers);
    if (dropTag) delete headers['synckit-app-tag'];
    delete headers['transfer-encoding'];
    response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
  });
}

const answer =
  (status: number, body = '', headers: Record<string, string> = JSON_TYPE): RequestListener =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

const LATEST_JSON = JSON.stringify({
  version: '1.1.0',
  platforms: { 'linux-x86_64': { url: 'https://github.com/a/b/releases/download/a', signature: 's' } },
});

describe('field 2: a build is published if its endpoint leads to this app:', () => {
  test('directly, for the first release too, when the slug is registered by the same run', async () => {
    const world = await startPublishWorld([LINUX, MAC, DEB]);
    const endpoint = `${world.url}/api/sync/ota/my-app/${CHECK}`;
    expect(await publishWith(world, [endpoint], { dryRun: true })).toMatchObject({
      outcome: { status: 'planned' },
      warnings: [],
    });
    expect(await publishWith(world, [endpoint])).toMatchObject(PUBLISHED);
  });

  test.each([
    [
      'with the placeholders percent-encoded',
      (url: string) => `${url}/api/sync/ota/my-app/${CHECK}`.replaceAll('{', '%7B').replaceAll('}', '%7D'),
    ],
    [
      'with the kind of bundle',
      (url: string) => `${url}/api/sync/ota/my-app/${CHECK}?bundle_type={{bundle_type}}`,
    ],
    ['under a former slug of the app', (url: string) => `${url}/api/sync/ota/former/${CHECK}`],
  ])('%s', async (_, endpointAt) => {
    const world = await startPublishWorld([LINUX, MAC, DEB]);
    await world.run({ version: '1.0.0', slug: 'former' });
    await world.run({ version: '1.1.0' });
    expect(await publishWith(world, [endpointAt(world.url)])).toMatchObject(PUBLISHED);
  });

  test('through a proxy with a path of its own, which need not look like this API', async () => {
    const world = await startLiveWorld();
    const proxy = await listenProxy(world.url, {
      rewrite: (path) => path.replace('/updates/', '/api/sync/ota/my-app/'),
    });
    expect(await publishWith(world, [`${proxy.origin}/updates/${CHECK}`])).toMatchObject(PUBLISHED);
  });

  test('through a proxy that removes the header, if the updates are the same', async () => {
    const world = await startLiveWorld();
    const proxy = await listenProxy(world.url, { dropTag: true });
    expect(await publishWith(world, [`${proxy.origin}/api/sync/ota/my-app/${CHECK}`])).toMatchObject(
      PUBLISHED,
    );
  });

  test('through a redirect, without a token', async () => {
    const world = await startLiveWorld();
    const seen: IncomingMessage['headers'][] = [];
    const redirect = await listenHttp(({ url = '', headers }, response) => {
      seen.push(headers);
      response.writeHead(302, { location: world.url + url }).end();
    });
    expect(await publishWith(world, [`${redirect.origin}/api/sync/ota/my-app/${CHECK}`])).toMatchObject(
      PUBLISHED,
    );
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  test('first, with a fallback on another host, which is a warning where it does not answer', async () => {
    const world = await startLiveWorld();
    const own = `${world.url}/api/sync/ota/my-app/${CHECK}`;
    const latest = await listenHttp(answer(200, LATEST_JSON));
    expect(await publishWith(world, [own, `${latest.origin}/latest.json`])).toMatchObject(PUBLISHED);
    const dead = await publishWith(world, [own, `${(await deadUrl()).origin}/latest.json`], {
      version: '1.3.0',
    });
    expect(dead.outcome.status).toBe('published');
    expect(dead.warnings).toEqual([
      expect.stringMatching(/latest\.json: as a fallback: .*connection refused/),
    ]);
  });

  test('after one that fails, which is a warning', async () => {
    const world = await startLiveWorld();
    const gone = await listenHttp(answer(404, 'Not Found', {}));
    const endpoints = [`${gone.origin}/latest.json`, `${world.url}/api/sync/ota/my-app/${CHECK}`];
    const { outcome, warnings } = await publishWith(world, endpoints);
    expect(outcome.status).toBe('published');
    expect(warnings).toEqual([expect.stringMatching(/asked before .*status 404/)]);
  });

  test('with the channel that the release goes into', async () => {
    const world = await startLiveWorld();
    const endpoint = `${world.url}/api/sync/ota/my-app/${CHECK}?channel=beta`;
    const fields = { version: '1.2.0-beta.1', channel: 'beta' };
    expect(await publishWith(world, [endpoint], fields)).toMatchObject(PUBLISHED);
  });
});

describe('field 2: a build is refused if its endpoint', () => {
  test.each([
    [
      'answers with a file for all platforms',
      answer(200, LATEST_JSON),
      /one file for all platforms, of version 1\.1\.0/,
    ],
    ['answers 204 to anything', answer(204), /it offers no update, where the server offers 1\.1\.0/],
    ['answers with a page', answer(200, '<!doctype html>', { 'content-type': 'text/html' }), /an HTML page/],
    ['answers with nothing', answer(200), /answers with nothing/],
    ['answers with other JSON', answer(200, '{"ok":true}'), /JSON that is no update/],
    ['answers 404 as web servers do', answer(404, 'Not Found', {}), /status 404/],
    ['answers 503', answer(503, '', {}), /status 503/],
    [
      'redirects for ever',
      (request, response) => response.writeHead(302, { location: request.url }).end(),
      /more than 10 times/,
    ],
  ] as [string, RequestListener, RegExp][])('%s', async (_, listener, cause) => {
    const world = await startLiveWorld();
    const { origin } = await listenHttp(listener);
    const words = await refusal(world, [`${origin}/api/sync/ota/my-app/${CHECK}`]);
    expect(words).toMatch(cause);
    expect(words).toContain(`${world.url}/api/sync/ota/my-app/${CHECK}`);
    expect(words).toContain('--allow-endpoint-mismatch');
  });

  test('answers 404 for the slug that is registered by this run, but is another server', async () => {
    const world = await startPublishWorld([LINUX]);
    const { origin } = await listenHttp(answer(404, 'Not Found', {}));
    expect(await refusal(world, [`${origin}/api/sync/ota/my-app/${CHECK}`])).toMatch(/status 404/);
  });

  test('answers 204 to anything, and nothing is live yet to compare', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.connect().publisher.client.setSlug(world.app.id, 'my-app');
    const { origin } = await listenHttp(answer(204));
    const words = await refusal(world, [`${origin}/api/sync/ota/my-app/${CHECK}`]);
    expect(words).toMatch(/without the header synckit-app-tag/);
  });

  test('cannot be reached', async () => {
    const world = await startLiveWorld();
    const { origin } = await deadUrl();
    const words = await refusal(world, [`${origin}/api/sync/ota/my-app/${CHECK}`]);
    expect(words).toMatch(/cannot be reached from here: .*connection refused/);
  });

  test('has a certificate that is not trusted, unless the app accepts it', async () => {
    const world = await startLiveWorld();
    const [key, cert] = ['key', 'cert'].map((name) =>
      readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url)),
    );
    const plain = await listenUntilFinished(https.createServer({ key, cert }, answer(204)));
    const endpoint = `https://127.0.0.1:${plain.port}/api/sync/ota/my-app/${CHECK}`;
    expect(await refusal(world, [endpoint])).toMatch(/certificate that is not trusted/);
    const lax = updaters([endpoint], { acceptsInvalidCertificates: true });
    const { outcome, warnings } = await publishWith(world, lax);
    expect(outcome.status).toBe('published');
    expect(warnings).toEqual([expect.stringMatching(/were not checked/)]);
  });

  test('has the slug of another app, or one that does not exist', async () => {
    const world = await startLiveWorld();
    await world.server.createApp({ name: 'Other', slug: 'other-app' });
    expect(await refusal(world, [`${world.url}/api/sync/ota/other-app/${CHECK}`])).toMatch(/another app/);
    expect(await refusal(world, [`${world.url}/api/sync/ota/my-ap/${CHECK}`])).toMatch(
      /the slug my-ap, .*the app's slug is my-app/,
    );
  });

  test('leads to another server of the same kind, which has the slug too', async () => {
    const world = await startLiveWorld();
    const other = await startLiveWorld();
    expect(await refusal(world, [`${other.url}/api/sync/ota/my-app/${CHECK}`])).toMatch(/another app/);
  });

  test('leads to a server that does not have the slug, which is found once it is registered here', async () => {
    const world = await startPublishWorld([LINUX]);
    const other = await startPublishWorld([LINUX]);
    const { outcome } = await publishWith(world, [`${other.url}/api/sync/ota/my-app/${CHECK}`]);
    expect(outcome).toMatchObject({ code: 'preflight_refused', issueIds: ['app.endpoint_mismatch'] });
    expect(await world.releases()).toEqual([]);
  });

  test.each([
    ['has the version written out', '{{target}}/{{arch}}/1.2.0', /no \{\{current_version\}\}/],
    [
      'joins target and arch',
      '{{target}}-{{arch}}/{{current_version}}',
      /has not \{\{target\}\}\/\{\{arch\}\}/,
    ],
    ['has no version', '{{target}}/{{arch}}', /no \{\{current_version\}\}/],
    ['has another order', '{{arch}}/{{target}}/{{current_version}}', /asks for x86_64\/linux/],
    ['has another placeholder', '{{target}}/{{arch}}/{{currentVersion}}', /no \{\{current_version\}\}/],
    ['has the arch written out', '{{target}}/x86_64/{{current_version}}', /for darwin-aarch64/],
    ['ends with a slash', `${CHECK}/`, /ends with a slash/],
  ])('%s', async (_, path, cause) => {
    const world = await startLiveWorld();
    expect(await refusal(world, [`${world.url}/api/sync/ota/my-app/${path}`])).toMatch(cause);
  });

  test('has no version where a proxy makes the path', async () => {
    const world = await startLiveWorld();
    const proxy = await listenProxy(world.url, { rewrite: () => '/api/sync/ota/my-app/linux/x86_64/1.0.0' });
    expect(await refusal(world, [`${proxy.origin}/update.json`])).toMatch(/no \{\{current_version\}\}/);
  });

  test.each([
    [
      'a beta asks for stable',
      '',
      { version: '1.2.0-beta.1', channel: 'beta' },
      /channel stable, but .* beta/,
    ],
    ['a stable release asks for the beta', '?channel=beta', {}, /channel beta, but .* stable/],
  ])('is in another channel, which is a warning: %s', async (_, query, fields, cause) => {
    const world = await startLiveWorld();
    const endpoint = `${world.url}/api/sync/ota/my-app/${CHECK}${query}`;
    const { outcome } = await publishWith(world, [endpoint], fields);
    expect(outcome.status).toBe('published');
    expect(outcome.warnings.join()).toMatch(cause);
  });

  test('has one kind of bundle written out, although the build has others', async () => {
    const world = await startLiveWorld();
    const endpoint = `${world.url}/api/sync/ota/my-app/${CHECK}?bundle_type=rpm`;
    expect(await refusal(world, [endpoint])).toMatch(/asks for rpm files, but .* as deb too/);
  });

  test('is behind one that ends the check, even if it has the same releases', async () => {
    const world = await startLiveWorld();
    const own = `${world.url}/api/sync/ota/my-app/${CHECK}`;
    for (const listener of [answer(204), answer(200, LATEST_JSON), answer(200, '<p>')]) {
      const { origin } = await listenHttp(listener);
      const words = await refusal(world, [`${origin}/latest.json`, own]);
      expect(words).toMatch(/latest\.json: .*may never be asked/);
    }
  });

  test('is http, which release builds reject, even as a fallback', async () => {
    const world = await startLiveWorld();
    const own = `${world.url}/api/sync/ota/my-app/${CHECK}`;
    const remote = 'http://updates.example.com/latest.json';
    const words = await refusal(world, updaters([own, remote], { allowsHttp: false }));
    expect(words).toContain('dangerousInsecureTransportProtocol');
    expect(await refusal(world, [own, 'file:///latest.json'])).toMatch(/https only, not file:/);
    expect(await refusal(world, [own, 'updates/latest.json'])).toMatch(/not an absolute URL/);
  });

  test('is http on this machine, as is the server: a debug build can be tried with it', async () => {
    const world = await startLiveWorld();
    const own = `${world.url}/api/sync/ota/my-app/${CHECK}`;
    const { outcome } = await publishWith(world, updaters([own], { allowsHttp: false }));
    expect(outcome.warnings.join()).toContain('dangerousInsecureTransportProtocol');
  });

  test('is missing, or is there for one system only', async () => {
    const world = await startLiveWorld();
    expect(await refusal(world, [])).toMatch(/endpoints is missing or empty/);
    const own = updaters([`${world.url}/api/sync/ota/my-app/${CHECK}`]);
    const none = updaters([]).get('darwin');
    if (none === undefined) throw new Error('no configuration');
    const words = await refusal(world, new Map([...own, ['darwin' as const, none]]));
    expect(words).toMatch(/missing or empty.* \(for darwin-aarch64\)/);
  });
});

describe('field 2: what is said about endpoints', () => {
  test('names each of several one by one', async () => {
    const world = await startLiveWorld();
    const page = await listenHttp(answer(200, '<p>'));
    const words = await refusal(world, [`${(await deadUrl()).origin}/a.json`, `${page.origin}/b.json`]);
    expect(words).toMatch(/a\.json: .*cannot be reached[\s\S]*b\.json: .*an HTML page/);
  });

  test('is a warning with --allow-endpoint-mismatch', async () => {
    const world = await startLiveWorld();
    const { origin } = await listenHttp(answer(200, LATEST_JSON));
    const { outcome, warnings } = await publishWith(world, [`${origin}/latest.json`], {
      allowEndpointMismatch: true,
    });
    expect(outcome.status).toBe('published');
    expect(warnings).toEqual([expect.stringContaining('one file for all platforms')]);
  });

  test('does not show secrets in an endpoint', async () => {
    const world = await startLiveWorld();
    const { host } = await listenHttp(answer(404, '', {}));
    const words = await refusal(world, [`http://user:secret-1@${host}/${CHECK}?key=secret-2`]);
    expect(words).not.toContain('secret');
  });

  test('is a line for each endpoint that leads here', async () => {
    const world = await startPublishWorld([LINUX, MAC]);
    const endpoint = `${world.url}/api/sync/ota/my-app/${CHECK}`;
    const checked = async () => {
      const { publisher } = await world.run({ updaters: updaters([endpoint]), dryRun: true });
      return publisher.events.filter(({ type }) => type === 'endpoint_checked');
    };
    expect(await checked()).toEqual([{ type: 'endpoint_checked', endpoint, isPending: true }]);
    await world.run();
    expect(await checked()).toEqual([{ type: 'endpoint_checked', endpoint, isPending: false }]);
  });

  test('is sent with the user and password of the endpoint, whatever they are, and without the token', async () => {
    const world = await startLiveWorld();
    const seen = new Set<string | undefined>();
    const { host } = await listenHttp(({ headers }, response) => {
      seen.add(headers.authorization);
      response.writeHead(404).end();
    });
    await refusal(world, [`http://user:a%zz@${host}/${CHECK}`]);
    expect(seen).toEqual(new Set([`Basic ${Buffer.from('user:a%zz').toString('base64')}`]));
  });

  test('costs a few requests, however many kinds of bundle there are', async () => {
    const world = await startLiveWorld();
    let requests = 0;
    const proxy = await listenHttp(async ({ url = '' }, response) => {
      requests++;
      const { status, headers } = await fetch(world.url + url);
      response.writeHead(status, Object.fromEntries(headers)).end();
    });
    await publishWith(world, [`${proxy.origin}/api/sync/ota/my-app/${CHECK}`], { dryRun: true });
    expect(requests).toBe(4); // two platforms with two versions; the deb asks as its platform does
  });
});

test('field 2: an app that is published without a project has no endpoints to ask', async () => {
  const world = await startPublishWorld([LINUX]);
  expect(await publishWith(world, new Map())).toMatchObject(PUBLISHED);
});
