import { expect, onTestFinished, test, vi } from 'vitest';
import { CheckFastPath } from '../../../../src/server/update-check/check-fast-path.ts';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const ROOT = '/api/sync/ota/my-app';
const UPDATE = `${ROOT}/linux/x86_64/0.9.0`;
const NO_UPDATE = `${ROOT}/linux/x86_64/9.0.0`;

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly lines?: readonly string[];
  readonly protocol?: string;
}

interface Received {
  readonly status: string;
  /** Sorted, without the date. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** An app with two releases on a server that listens, and the entity tag of its update. */
async function world(checkMaxAge = 0) {
  const server = await startServer({ checkMaxAge });
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  const answer = vi.spyOn(CheckFastPath.prototype, 'answer');
  onTestFinished(() => answer.mockRestore());

  const send = async ({ method = 'GET', path = UPDATE, lines = [], protocol = '1.1' }: Sent) => {
    const connection = await RawConnection.to(url);
    connection.sendHead(`${method} ${path} HTTP/${protocol}`, 'Connection: close', ...lines);
    return parse(await connection.untilClosed());
  };
  const etag = (await send({})).headers.find((line) => line.startsWith('etag: '))?.slice(6) ?? '';

  /** The same request past the fast path, and with it when it has all that it can have. */
  const both = async (sent: Sent) => {
    answer.mockReturnValue(false);
    const full = await send(sent);
    answer.mockReset();
    for (const lines of [[], channelIn(sent.lines)]) await send({ ...sent, method: 'GET', lines });
    answer.mockClear();
    const fast = await send(sent);
    return { full, fast, wasFast: answer.mock.results.some(({ value }) => value === true) };
  };
  return { both, etag };
}

function channelIn(lines: readonly string[] = []): readonly string[] {
  return lines.filter((line) => /^x-ota-channel:/i.test(line));
}

function parse(text: string): Received {
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s, 2);
  const [status = '', ...headers] = head.split('\r\n');
  return { status, headers: headers.filter((line) => !/^date:/i.test(line)).sort(), body };
}

const YEAR_OF_RELEASE = 'Fri, 13 Mar 2026 12:00:00 GMT';

/** Each with `ETAG` for the entity tag, and whether the fast path should answer it. */
const HEADERS: readonly (readonly [lines: readonly string[], fast: boolean])[] = [
  [[], true],
  [['If-None-Match: ETAG'], true],
  [['If-None-Match: W/ETAG'], true],
  [['If-None-Match:    ETAG   '], true],
  [['If-None-Match: "other"'], true],
  [['If-None-Match: w/ETAG'], false],
  [['If-None-Match: W/ ETAG'], false],
  [['If-None-Match: xETAG'], false],
  [['If-None-Match: ETAGx'], false],
  [['If-None-Match: ETAG "other"'], false],
  [['If-None-Match: "other" ETAG'], false],
  [['If-None-Match: "other", W/ETAG'], false],
  [['If-None-Match: "a,b", ETAG,'], false],
  [['If-None-Match: "a,b"'], false],
  [['If-None-Match: *'], false],
  [['If-None-Match: "*"'], false],
  [['If-None-Match: '], false],
  [['If-None-Match: ,'], false],
  [['If-None-Match: unquoted'], false],
  [['If-None-Match: "unclosed'], false],
  [['If-None-Match: ""'], true],
  [['If-None-Match: "other"', 'If-None-Match: ETAG'], false],
  [['IF-NONE-MATCH: ETAG'], true],
  [[`If-Modified-Since: ${YEAR_OF_RELEASE}`], true],
  [['If-None-Match: "other"', `If-Modified-Since: ${YEAR_OF_RELEASE}`], true],
  [['If-Modified-Since: nonsense'], true],
  [['If-Match: "other"'], true],
  [['If-Match: *'], true],
  [['If-Match: "other"', 'If-None-Match: ETAG'], true],
  [['If-Unmodified-Since: Fri, 13 Mar 1998 12:00:00 GMT'], true],
  [['Range: bytes=0-1'], true],
  [['Range: bytes=0-1', 'If-Range: ETAG'], true],
  [['Accept: text/html'], true],
  [['Accept: application/json;q=0'], true],
  [['Accept-Encoding: gzip, br'], true],
  [['Origin: https://example.com'], true],
  [['Cache-Control: no-cache', 'Pragma: no-cache'], true],
  [['Content-Type: application/json'], true],
  [['Content-Type: nonsense'], true],
  [['Content-Length: 0'], false],
  [['Authorization: Bearer invalid'], true],
  [['X-HTTP-Method-Override: DELETE'], true],
  [['X-Ota-Channel: beta'], true],
  [['X-Ota-Channel: BETA '], true],
  [['X-Ota-Channel: beta', 'If-None-Match: ETAG'], true],
  [['X-Ota-Channel: '], true],
  [['X-Ota-Channel: no channel!'], false],
  [['X-Ota-Channel: beta', 'x-ota-channel: beta'], false],
  [['X-Ota-Channel: {{channel}}'], false],
];

test.each(HEADERS)('field 13: a check with %j is answered alike on both paths', async (lines, isFast) => {
  const { both, etag } = await world();
  const sent = { lines: lines.map((line) => line.replace('ETAG', etag)) };
  const { full, fast, wasFast } = await both(sent);
  expect(fast).toEqual(full);
  expect(wasFast).toBe(isFast);
  const head = await both({ ...sent, method: 'HEAD' });
  expect(head.fast).toEqual(head.full);
  expect(head.full).toEqual({ ...full, body: '' });
});

test.each([
  [['If-None-Match: ETAG']],
  [['If-None-Match: W/ETAG']],
  [['If-None-Match: "a,b", W/ETAG']],
  [['If-None-Match: *']],
  [['If-None-Match: "other"', 'If-None-Match: ETAG']],
  [['If-Match: "other"', 'If-None-Match: ETAG']],
])('field 13: a client that has the update learns so by %j', async (lines) => {
  const { both, etag } = await world();
  for (const method of ['GET', 'HEAD']) {
    const { full, fast } = await both({ method, lines: lines.map((line) => line.replace('ETAG', etag)) });
    expect([full.status, full.body]).toEqual(['HTTP/1.1 304 Not Modified', '']);
    expect(full.headers).toContain(`etag: ${etag}`);
    expect(fast).toEqual(full);
  }
});

test.each([
  [UPDATE],
  [`${UPDATE}/`],
  [`${UPDATE}?`],
  [`${UPDATE}?&&`],
  [`${UPDATE}?channel`],
  [`${UPDATE}?channel=`],
  [`${UPDATE}?channel=beta`],
  [`${UPDATE}?channel=stable&channel=stable`],
  [`${UPDATE}?channel=beta&channel=stable`],
  [`${UPDATE}?channel[]=beta`],
  [`${UPDATE}?channel=%62eta`],
  [`${UPDATE}?channel=beta+`],
  [`${UPDATE}?channel=%`],
  [`${UPDATE}?channel=%ff`],
  [`${UPDATE}?channel={{channel}}`],
  [`${UPDATE}?Channel=beta`],
  [`${UPDATE}?bundle_type=deb`],
  [`${UPDATE}?bundle_type=unknown`],
  [`${UPDATE}?bundle_type={{bundle_type}}`],
  [`${UPDATE}?bundle_type=deb&bundle_type=rpm`],
  [`${UPDATE}?bundle_type=zip`],
  [`${UPDATE}?utm=1&utm=2&__proto__=x&constructor=y`],
  [`${UPDATE}?a=1;b=2#fragment`],
  [`${UPDATE}#fragment`],
  [`${UPDATE};v=1`],
  [`/${UPDATE}`],
  [`${UPDATE.replace('my-app', 'my%2Dapp')}`],
  [`${UPDATE.replace('my-app', 'MY-APP')}`],
  [`${UPDATE.replace('linux', 'Linux')}`],
  [`${UPDATE.replace('x86_64', 'amd64')}`],
  [`${UPDATE}%2Bbuild`],
  [`${UPDATE}+build`],
  [`http://elsewhere.example${UPDATE}`],
  [`${ROOT}/linux/universal/0.9.0`],
  [`${ROOT}/linux/x86_64/v0.9.0`],
  [NO_UPDATE],
  [`${NO_UPDATE}?channel=beta`],
  [`${ROOT}/darwin/aarch64/0.9.0`],
  ['/api/sync/ota/another/linux/x86_64/0.9.0'],
])('field 13: GET, HEAD and others of %s are answered alike on both paths', async (path) => {
  const { both, etag } = await world(60);
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
    for (const lines of [[], [`If-None-Match: ${etag}`], ['If-None-Match: *'], ['X-Ota-Channel: beta']]) {
      for (const protocol of ['1.1', '1.0']) {
        const { full, fast } = await both({ method, path, lines, protocol });
        expect(fast).toEqual(full);
      }
    }
  }
});
