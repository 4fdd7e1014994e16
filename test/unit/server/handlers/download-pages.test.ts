import { describe, expect, test } from 'vitest';
import { LINUX, MAC, Publisher, startServer } from '../../../support/publish/publisher.ts';

const MAC_AGENT = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15';
const UBUNTU_AGENT = 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';

async function startApp(options: Partial<{ name: string; web: boolean }> = {}) {
  const { name = 'Notes & <Tasks>', web = true } = options;
  const server = await startServer({ web });
  const app = await Publisher.on(server, { name });
  const publish = async (fields: object, platforms: readonly object[] = [LINUX]) => {
    const body = { signature: 's', draft: true, ...fields };
    const { id } = (await app.send('POST', '/releases', { body })).json();
    for (const { bundle_type, ...platform } of platforms as readonly (typeof LINUX & {
      bundle_type?: string;
    })[]) {
      const bytes = Buffer.from(`bytes of ${JSON.stringify({ bundle_type, ...platform })}`);
      await app.put(await app.requestUpload(id, bytes.length, platform, { bundle_type }), bytes);
    }
    await app.send('POST', `/releases/${id}/publish`);
    return id as string;
  };
  const get = (url = '/my-app', headers: Record<string, string> = {}) =>
    server.app.inject({ url, headers: { accept: 'text/html', ...headers } });
  return { server, app, publish, get };
}

/** Where the first link of a page with this text leads. */
function linkOf(page: string, text: string): string | undefined {
  return [...page.matchAll(/<a [^>]*href="([^"]*)"[^>]*>([^<]*)<\/a>/g)].find(
    ([, , words]) => words === text,
  )?.[1];
}

describe('the download page', () => {
  test('offers the file for the visitor’s system first, and all others', async () => {
    const { server, publish, get } = await startApp();
    const id = await publish({ version: '1.2.0', notes: '- faster' }, [
      { ...LINUX, bundle_type: 'deb' },
      { ...LINUX, bundle_type: 'appimage' },
      { ...MAC },
    ]);
    const ubuntu = await get('/my-app', { 'user-agent': UBUNTU_AGENT });
    expect(ubuntu.statusCode).toBe(200);
    expect(ubuntu.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(ubuntu.body).toContain('<h1>Notes &amp; &lt;Tasks&gt;</h1>');
    const link = String(linkOf(ubuntu.body, 'Download for Linux'));
    expect(link).toBe(
      `https://updates.example.com/api/sync/ota/my-app/download/${id}/linux/x86_64?bundle_type=deb`,
    );
    const { pathname, search } = new URL(link);
    expect((await server.app.inject(pathname + search)).statusCode).toBe(302);
    expect(linkOf(ubuntu.body, 'macOS, Apple silicon')).toContain('/darwin/aarch64');
    expect(linkOf(ubuntu.body, 'Linux, 64-bit AppImage')).toContain('bundle_type=appimage');
    expect(ubuntu.body).toContain('<li>faster</li>');

    const mac = await get('/my-app', { 'user-agent': MAC_AGENT });
    expect(linkOf(mac.body, 'Download for macOS')).toContain('/darwin/aarch64');
    const phone = await get('/my-app', { 'user-agent': 'Mozilla/5.0 (iPhone) Mobile/15E148' });
    expect(phone.body).not.toContain('Download for');
    expect(linkOf(phone.body, 'macOS, Apple silicon')).toContain('/darwin/aarch64');
  });

  test('varies by what the browser says, and is asked for anew each time', async () => {
    const { publish, get } = await startApp();
    await publish({ version: '1.0.0' });
    const { headers } = await get();
    expect(headers).toMatchObject({
      'cache-control': 'no-cache',
      vary: 'User-Agent, Sec-CH-UA-Platform, Sec-CH-UA-Arch, Sec-CH-UA-Bitness',
      'accept-ch': 'Sec-CH-UA-Arch, Sec-CH-UA-Bitness',
    });
    const same = await get('/my-app', { 'if-none-match': String(headers.etag) });
    expect([same.statusCode, same.body]).toEqual([304, '']);
    await publish({ version: '1.1.0' });
    expect((await get('/my-app', { 'if-none-match': String(headers.etag) })).statusCode).toBe(200);
  });

  test('shows what everyone is offered: no draft, no rollout, nothing paused or yanked', async () => {
    const { app, publish, get } = await startApp();
    const first = await publish({ version: '1.0.0', notes: 'first notes' });
    const second = await publish({ version: '2.0.0', notes: 'second notes', rollout: { percent: 10 } });
    await app.send('POST', '/releases', { body: { version: '3.0.0', signature: 's', draft: true } });
    const shown = async () => (await get('/my-app', { 'user-agent': UBUNTU_AGENT })).body;
    expect(await shown()).toContain(first);
    expect(await shown()).not.toMatch(new RegExp(`${second}|second notes|3\\.0\\.0`));
    const change = (body: object) => app.send('PATCH', `/releases/${second}`, { body });
    await change({ rollout: null });
    expect(await shown()).toContain(second);
    await change({ paused: true });
    expect(await shown()).not.toContain(second);
    await change({ paused: false });
    await change({ status: 'yanked' });
    expect(await shown()).not.toMatch(new RegExp(`${second}|second notes`));
  });

  test('has the channels of the API', async () => {
    const { publish, get } = await startApp();
    await publish({ version: '1.0.0' });
    const beta = await publish({ version: '2.0.0-beta.1', channel: 'beta', notes: 'try this' });
    expect((await get()).body).not.toMatch(/beta|try this/);
    const page = (await get('/my-app?channel=beta')).body;
    expect(page).toContain(beta);
    expect(page).toContain('try this');
    expect(page).toContain('href="https://updates.example.com/my-app/feed.atom?channel=beta"');
    expect((await get('/my-app?channel=<script>')).body).not.toContain('script>');
  });

  test('is there by every slug the app had, and before anything is released', async () => {
    const { app, get } = await startApp();
    expect((await get()).body).toContain('Nothing has been released yet.');
    await app.send('PUT', '/slug', { body: { slug: 'new-name' } });
    expect((await get()).body).toContain(
      '<link rel="canonical" href="https://updates.example.com/new-name">',
    );
    expect((await get('/new-name/')).statusCode).toBe(200);
  });

  test('is a page for browsers and a problem for programs where there is no app', async () => {
    const { get } = await startApp();
    const page = await get('/other-app');
    expect([page.statusCode, page.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    const problem = await get('/other-app', { accept: '*/*' });
    expect([problem.statusCode, problem.json().code]).toEqual([404, 'not_found']);
    expect((await get('/Other_App')).json().code).toBe('not_found');
  });

  test('is only read', async () => {
    const { server } = await startApp();
    for (const url of ['/my-app', '/my-app/feed.atom']) {
      const post = await server.app.inject({ method: 'POST', url });
      expect([post.statusCode, post.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
      const head = await server.app.inject({ method: 'HEAD', url });
      expect([head.statusCode, head.body]).toEqual([200, '']);
    }
  });

  test('is not there with --no-web, nor is the feed', async () => {
    const { get } = await startApp({ web: false });
    for (const url of ['/my-app', '/my-app/feed.atom'])
      expect([(await get(url)).statusCode, (await get(url)).json().code]).toEqual([404, 'not_found']);
  });
});

describe('attack W1: a page that shows what others wrote', () => {
  test('has no text of theirs as HTML', async () => {
    const { publish, get } = await startApp({ name: '"><script>alert(1)</script>' });
    await publish({ version: '1.0.0', notes: '<img src=x onerror=alert(1)> [a](javascript:alert(1))' });
    const { body } = await get();
    expect(body).not.toMatch(/<(?:script|img)|href="javascript:/);
    expect((await get('/my-app/feed.atom')).body).not.toMatch(/<(?:script|img)/);
  });

  test('runs no script, fetches nothing, and is shown in no frame', async () => {
    const { get } = await startApp();
    for (const url of ['/my-app', '/other-app']) {
      const csp = String((await get(url)).headers['content-security-policy']);
      expect(csp).toMatch(
        /^default-src 'none'; style-src 'sha256-[\w+/=]+'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'$/,
      );
      expect((await get(url)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
    }
  });
});

test('attack W1: no app has the place of something else', async () => {
  const { app, server } = await startApp();
  for (const slug of ['admin', 'livez', 'readyz', 'metrics', 'api']) {
    const reply = await app.send('PUT', '/slug', { body: { slug } });
    expect([slug, reply.statusCode, reply.json().code]).toEqual([slug, 422, 'slug_reserved']);
  }
  expect((await server.app.inject('/livez')).json()).toEqual({ status: 'alive' });
});

describe('the feed', () => {
  test('lists the releases, the highest first', async () => {
    const { app, publish, get } = await startApp();
    await publish({ version: '1.0.0' });
    const id = await publish({ version: '1.1.0', notes: '*new* & \u0007 <b>' });
    const { body, headers, statusCode } = await get('/my-app/feed.atom');
    expect([statusCode, headers['content-type']]).toEqual([200, 'application/atom+xml; charset=utf-8']);
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(body).toContain(`<id>urn:uuid:${app.id}</id>`);
    expect(body.indexOf('Notes &amp; &lt;Tasks&gt; 1.1.0')).toBeLessThan(body.indexOf('&lt;Tasks&gt; 1.0.0'));
    expect(body).toContain(`<id>urn:uuid:${id}</id>`);
    expect(body).toContain(
      '<content type="html">&lt;p&gt;&lt;em&gt;new&lt;/em&gt; &amp;amp;  &amp;lt;b&amp;gt;&lt;/p&gt;</content>',
    );
    const same = await get('/my-app/feed.atom', { 'if-none-match': String(headers.etag) });
    expect(same.statusCode).toBe(304);
    expect((await get('/other-app/feed.atom')).statusCode).toBe(404);
  });
});
