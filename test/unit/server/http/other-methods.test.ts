import { describe, expect, test } from 'vitest';
import { API_ROOT, type Route, routes } from '../../../../src/protocol/routes.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Every path of the disk storage, with the methods of its routes. */
const paths = [...new Set(Object.values(routes).map(({ path }) => path))]
  .filter((path) => !path.endsWith('/complete'))
  .map((path) => {
    const here = Object.values<Route>(routes).filter((route) => route.path === path);
    const known: readonly string[] = here.flatMap(({ method }) =>
      method === 'GET' ? ['GET', 'HEAD'] : [method],
    );
    const isOpen = here.some(
      ({ method, access }) => method === 'GET' && (access === 'public' || access === 'signed-url'),
    );
    const isReport = path.endsWith('/events'); // from the page that an app is
    const open = isReport ? ['POST'] : isOpen ? ['GET', 'HEAD'] : [];
    return { path, url: fill(path), known, open };
  });

function fill(path: string): string {
  return path
    .replace('{target}', 'linux')
    .replace('{arch}', 'x86_64')
    .replace('{current_version}', '1.0.0')
    .replace(/\{\w+\}/g, 'some-name');
}

async function start() {
  const server = await startServer();
  await Publisher.on(server);
  return server.app;
}

describe('field 13: a path that is known', () => {
  test.each(paths)('$path refuses other methods with 405 and Allow', async ({ url, known }) => {
    const app = await start();
    for (const method of METHODS.filter((other) => !known.includes(other))) {
      const reply = await app.inject({
        method,
        url,
        headers: { 'content-type': 'text/xml' },
        ...(method !== 'GET' && method !== 'HEAD' && { payload: '<x/>' }),
      });
      expect([method, reply.statusCode]).toEqual([method, 405]);
      expect(String(reply.headers.allow).split(', ')).toEqual([...known, 'OPTIONS']);
      if (method !== 'HEAD') expect(reply.json()).toMatchObject({ code: 'method_not_allowed' });
    }
  });

  test.each(['/livez', '/readyz'])('%s is only read', async (url) => {
    const app = await start();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const reply = await app.inject({ method, url });
      expect([method, reply.statusCode]).toEqual([method, 405]);
      expect(reply.headers.allow).toBe('GET, HEAD, OPTIONS');
    }
    const options = await app.inject({ method: 'OPTIONS', url });
    expect([options.statusCode, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
    expect(options.headers['access-control-allow-origin']).toBeUndefined();
    const head = await app.inject({ method: 'HEAD', url });
    expect([head.statusCode, head.body]).toEqual([200, '']);
  });

  test.each(paths)('$path answers HEAD like GET', async ({ url, known }) => {
    if (!known.includes('GET')) return;
    const app = await start();
    const [get, head] = [await app.inject({ url }), await app.inject({ method: 'HEAD', url })];
    expect(head.statusCode).toBe(get.statusCode);
    expect(head.body).toBe('');
    expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
  });

  test.each(paths)(
    '$path lets scripts of other websites in only where no token is needed',
    async ({ url, open, known }) => {
      const app = await start();
      const headers = {
        origin: 'https://example.com',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-ota-channel, if-none-match, authorization',
      };
      const preflight = await app.inject({ method: 'OPTIONS', url, headers });
      expect(preflight.statusCode).toBe(204);
      expect(String(preflight.headers.allow).split(', ')).toEqual([...known, 'OPTIONS']);
      const cors = Object.keys(preflight.headers).filter((name) => name.startsWith('access-control-'));
      const origins = [preflight.headers['access-control-allow-origin']];
      const reading = known.filter((name) => name === 'GET' || name === 'HEAD');
      for (const method of open.length > 0 ? open : reading) {
        const reply = await app.inject({ method: method as 'GET', url, headers });
        origins.push(reply.headers['access-control-allow-origin']);
        expect(reply.headers['access-control-allow-credentials']).toBeUndefined();
      }
      if (open.length === 0) {
        expect(cors).toEqual([]);
        expect(new Set(origins)).toEqual(new Set([undefined]));
        return;
      }
      expect(new Set(origins)).toEqual(new Set(['*'])); // of errors too
      expect(preflight.headers['access-control-allow-methods']).toBe(open.join(', '));
      const allowed = String(preflight.headers['access-control-allow-headers']).toLowerCase().split(', ');
      expect(allowed).toEqual(
        expect.arrayContaining(['*', 'authorization', 'x-ota-channel', 'if-none-match']),
      );
      const { headers: shown } = await app.inject({ method: open[0] as 'GET', url, headers });
      const exposed = String(shown['access-control-expose-headers']).toLowerCase().split(', ');
      expect(exposed).toEqual(
        expect.arrayContaining(['etag', 'content-length', 'synckit-app-tag', 'content-disposition']),
      );
    },
  );
});

describe('field 13: slashes', () => {
  test.each(paths)('at the end of $path, or repeated, make no difference', async ({ url, path, known }) => {
    if (path.includes('/downloads/') || path.includes('/uploads/')) return; // signed as they are
    const app = await start();
    const method = known[0] as 'GET';
    const plain = await app.inject({ method, url });
    for (const other of [`${url}/`, url.replace(API_ROOT, `${API_ROOT}/`).replace(/^\//, '//'), `${url}//`]) {
      const reply = await app.inject({ method, url: other });
      expect([other, reply.statusCode, reply.body]).toEqual([other, plain.statusCode, plain.body]);
    }
  });
});

describe('field 13: a path prefix that a proxy did not strip', () => {
  test.each([
    ['https://updates.example.com/ota', '/ota/api/sync/ota/my-app/linux/x86_64/1.0.0', '/ota'],
    ['https://updates.example.com/ota', '/ota', '/ota'],
    ['https://updates.example.com/ota', '/ota/', '/ota'],
    ['https://updates.example.com/a/b', '/a/b/api/sync/ota', '/a/b'],
    ['https://updates.example.com/api', '/api/api/sync/ota', '/api'],
  ])('of %s is named in the answer to %s', async (publicUrl, url, prefix) => {
    const server = await startServer({ publicUrl: () => publicUrl });
    const reply = await server.app.inject({ url });
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining(`begins with ${prefix},`),
    });
  });

  test.each([
    ['https://updates.example.com/api', '/api/sync/ota/nothing/here'],
    ['https://updates.example.com', '/nothing'],
    ['https://updates.example.com/ota', '/other'],
    ['https://updates.example.com/ota', '/otax'],
    ['https://updates.example.com/ota', '/otax/api/sync/ota/my-app'],
    ['https://updates.example.com/api/sync/ota', '/api/sync/otax'],
  ])('of %s is not blamed for %s', async (publicUrl, url) => {
    const server = await startServer({ publicUrl: () => publicUrl });
    const reply = await server.app.inject({ url });
    expect(reply.statusCode).toBe(404);
    expect(reply.json().detail).not.toContain('the public URL');
  });
});
