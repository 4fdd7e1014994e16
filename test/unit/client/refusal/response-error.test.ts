import { describe, expect, test } from 'vitest';
import { formatRetry } from '../../../../src/cli/format.ts';
import type { Peer } from '../../../../src/client/refusal/peer.ts';
import { responseError } from '../../../../src/client/refusal/response-error.ts';

const URL_OF_API = new URL('https://u.example/api/sync/ota/apps/a1/releases');
const UNKNOWN: Peer = { place: 'server', server: 'unknown', access: 'token' };
const OURS: Peer = { ...UNKNOWN, server: 'problems' };
const BASE: Peer = { ...UNKNOWN, server: 'api' };
const STORAGE: Peer = { place: 'storage', server: 'problems', access: 'url' };

interface Response {
  readonly status: number;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function errorFor({ status, text = '', headers = {} }: Response, peer: Peer) {
  const header = (name: string) => headers[name];
  return responseError({ url: URL_OF_API, status, text, header }, peer, new Date());
}

const nginx = (status: number, title: string) =>
  `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n`;
const apache = (status: number, title: string) =>
  `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>${status} ${title}</title>\n</head><body>\n<h1>${title}</h1>\n</body></html>\n`;
const haproxy = (status: number, title: string) =>
  `<html><body><h1>${status} ${title}</h1>\nRequest forbidden by administrative rules.\n</body></html>\n`;
const BLOCKED =
  '<!DOCTYPE html>\n<html><head><title>Attention Required! | Cloudflare</title></head><body><div id="cf-wrapper"><div class="cf-error-details-wrapper"><h1>Sorry, you have been blocked</h1></div></div></body></html>';

describe('field 12: a refusal of something in front of the server', () => {
  test.each<[string, Response, string, string, RegExp]>([
    ['nginx 413', { status: 413, text: nginx(413, 'x') }, 'nginx', 'not_the_api', /client_max_body_size/],
    ['nginx 403', { status: 403, text: nginx(403, 'Forbidden') }, 'nginx', 'not_the_api', /firewall/],
    ['nginx 405', { status: 405, text: nginx(405, 'Not Allowed') }, 'nginx', 'not_the_api', /PUT/],
    ['nginx 404', { status: 404, text: nginx(404, 'Not Found') }, 'nginx', 'not_the_api', /--server/],
    ['nginx 502', { status: 502, text: nginx(502, 'Bad Gateway') }, 'nginx', 'network', /down/],
    [
      'nginx 400',
      { status: 400, text: `${nginx(400, 'x')}The plain HTTP request was sent to HTTPS port` },
      'nginx',
      'not_the_api',
      /https:\/\//,
    ],
    ['Apache 413', { status: 413, text: apache(413, 'x') }, 'Apache', 'not_the_api', /LimitRequestBody/],
    ['Apache 503', { status: 503, text: apache(503, 'x') }, 'Apache', 'network', /down/],
    ['HAProxy 403', { status: 403, text: haproxy(403, 'Forbidden') }, 'HAProxy', 'not_the_api', /firewall/],
    ['HAProxy 503', { status: 503, text: haproxy(503, 'Service Unavailable') }, 'HAProxy', 'network', /down/],
    [
      'Cloudflare 403',
      { status: 403, text: BLOCKED, headers: { 'cf-ray': '8c0f1a2b3c4d5e6f-FRA' } },
      'Cloudflare',
      'not_the_api',
      /8c0f1a2b3c4d5e6f-FRA/,
    ],
    ['Cloudflare 1020', { status: 403, text: 'error code: 1020' }, 'Cloudflare', 'not_the_api', /firewall/],
    [
      'Cloudflare 413',
      {
        status: 413,
        text: '<html><body><center><h1>413</h1></center><hr><center>cloudflare</center></body></html>',
      },
      'Cloudflare',
      'not_the_api',
      /100 MB/,
    ],
    [
      'Cloudflare JSON',
      { status: 403, text: '{"title":"Error 1020","cloudflare_error":true,"error_code":1020}' },
      'Cloudflare',
      'not_the_api',
      /firewall/,
    ],
    ['Cloudflare 526', { status: 526, text: BLOCKED }, 'Cloudflare', 'network', /certificate/],
    [
      'Cloudflare challenge',
      { status: 403, text: 'Just a moment...', headers: { 'cf-mitigated': 'challenge' } },
      'Cloudflare',
      'not_the_api',
      /firewall/,
    ],
    [
      'Cloudflare Access',
      { status: 403, text: '<title>Error ・ Cloudflare Access</title>' },
      'Cloudflare Access',
      'not_the_api',
      /CF-Access-Client-Id/,
    ],
    [
      'oauth2-proxy',
      { status: 403, text: '<html><p>Secured with OAuth2 Proxy</p></html>' },
      'oauth2-proxy',
      'not_the_api',
      /--header/,
    ],
    [
      'Authelia',
      { status: 401, text: '<a href="https://authelia.example/?rd=x">401 Unauthorized</a>' },
      'Authelia',
      'not_the_api',
      /--header/,
    ],
    [
      'Basic auth',
      { status: 401, headers: { 'www-authenticate': 'Basic realm="x"', server: 'Caddy' } },
      'Caddy',
      'not_the_api',
      /--header/,
    ],
    ['Envoy', { status: 503, text: 'no healthy upstream' }, 'Envoy', 'network', /down/],
  ])('is known by its body or headers at any server: %s', (_, response, name, code, remedy) => {
    for (const peer of [UNKNOWN, BASE, OURS]) {
      const error = errorFor(response, peer);
      expect(error).toMatchObject({ code, inFront: true, status: response.status });
      expect(error.message).toContain(`from ${name} in front of the server`);
      expect(error.hint).toMatch(remedy);
    }
  });

  test.each<Response>([
    { status: 401, text: '{}' },
    { status: 403 },
    { status: 404, text: '404 page not found\n' },
    { status: 405, text: 'Method Not Allowed' },
    { status: 413 },
    { status: 404, text: '{"message":"no Route matched with those values"}' },
    { status: 418, text: '[]' },
  ])('of our server is all that is no problem: %j', (response) => {
    expect(errorFor(response, OURS)).toMatchObject({ code: 'not_the_api', inFront: true });
    const problem = { text: '{"code":"new"}', headers: { 'content-type': 'application/problem+json' } };
    expect(errorFor({ ...response, ...problem }, OURS)).toMatchObject({ inFront: false });
  });

  test.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'usage'],
    [409, 'conflict'],
    [413, 'preflight_refused'],
  ])('of a server that knows api.md only is not guessed from the status %i', (status, code) => {
    for (const text of ['', 'no', '{"error":"no"}', '<html><h1>no</h1></html>']) {
      expect(errorFor({ status, text }, BASE)).toMatchObject({ code, inFront: false });
    }
  });

  test.each([
    ['of our server where its code is for that status', 403, 'forbidden', false],
    ['of others where it is for another', 404, 'forbidden', true],
    ['of others where it is none', 403, 'rest_forbidden', true],
  ])('without its media type, JSON with a code is %s', (_, status, code, inFront) => {
    expect(errorFor({ status, text: JSON.stringify({ code, message: 'no' }) }, OURS)).toMatchObject({
      inFront,
    });
  });

  test('is a page where no server has answered yet', () => {
    const page = { status: 404, text: '<!doctype html><title>Not found</title>' };
    expect(errorFor(page, UNKNOWN)).toMatchObject({ code: 'not_the_api', inFront: true });
  });

  test.each([401, 403, 405])('is any %i without a problem where the API asks for nothing', (status) => {
    const error = errorFor({ status, text: '{}' }, { ...UNKNOWN, access: 'public' });
    expect(error).toMatchObject({ code: 'not_the_api', inFront: true });
    expect(error.message + error.hint).not.toMatch(/token/i);
  });

  test.each([
    ['https://team.cloudflareaccess.com/cdn-cgi/access/login/u.example', /CF-Access-Client-Id/],
    ['https://sso.example/oauth2/start?rd=x', /--header/],
    ['/login?next=/', /--header/],
    ['https://u.example/api/sync/ota/apps/a1/releases/', /--server/],
  ])('that redirects to %s says what to do', (location, remedy) => {
    const error = errorFor({ status: 302, headers: { location } }, UNKNOWN);
    expect(error).toMatchObject({ code: 'not_the_api', hint: expect.stringMatching(remedy) });
  });
});

test.each([
  ['The storage is busy.', 'The storage is busy'],
  ['Wait ...', 'Wait ...'],
])("field 12: a problem's sentence %s becomes a clause that others can follow", (detail, clause) => {
  const problem = JSON.stringify({ code: 'unavailable', detail });
  const error = errorFor({ status: 503, text: problem }, OURS);
  expect(error.message).toBe(`${URL_OF_API}: ${clause}`);
  expect(formatRetry({ error, attempt: 2, waitMs: 500 })).toBe(`${URL_OF_API}: ${clause}; retrying in 0.5 s`);
});

const store = (code: string, more = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>m</Message>${more}</Error>`;

describe("field 15: the storage's own code decides", () => {
  test.each([
    ['QuotaExceeded', 403, 'no_space'],
    ['XMinioStorageFull', 507, 'no_space'],
    ['ExpiredToken', 400, 'store_unavailable'],
    ['InvalidAccessKeyId', 403, 'store_unavailable'],
    ['SignatureDoesNotMatch', 403, 'store_unavailable'],
    ['RequestTimeTooSkewed', 403, 'store_unavailable'],
    ['AccessDenied', 403, 'store_unavailable'],
    ['NoSuchBucket', 404, 'store_unavailable'],
    ['NoSuchUpload', 404, 'store_unavailable'],
    ['SlowDown', 503, 'network'],
    ['SlowDown', 403, 'network'],
    ['RequestTimeout', 400, 'network'],
    ['BadDigest', 400, 'network'],
    ['InternalError', 500, 'network'],
    ['EntityTooLarge', 400, 'preflight_refused'],
    ['SomethingNew', 403, 'store_unavailable'],
    ['SomethingNew', 503, 'network'],
  ])('%s with %i is %s', (name, status, code) => {
    const error = errorFor({ status, text: store(name) }, STORAGE);
    expect(error).toMatchObject({ code, status, inFront: false });
    expect(error.hint ?? '').not.toMatch(/--token|scope/);
  });

  test('an AccessDenied with the time of the store is about the clock', () => {
    const late = store('AccessDenied', '<Expires>2026-01-01T00:00:00Z</Expires><ServerTime>x</ServerTime>');
    expect(errorFor({ status: 403, text: late }, STORAGE).hint).toContain('NTP');
  });

  test('a page in its place is from something in front of it', () => {
    expect(errorFor({ status: 413, text: nginx(413, 'x') }, STORAGE)).toMatchObject({
      code: 'not_the_api',
      message: expect.stringContaining('nginx in front of the storage'),
    });
  });

  test('an answer of a store to a request of the API is from something in front of the server', () => {
    expect(errorFor({ status: 403, text: store('AccessDenied') }, UNKNOWN)).toMatchObject({ inFront: true });
  });
});
