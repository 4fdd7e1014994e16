import { describe, expect, test } from 'vitest';
import {
  formatOf,
  LOG_FORMATS,
  type LogFormat,
  lineReader,
} from '../../../../src/cli/access-logs/log-line.ts';

const PATH = '/api/sync/ota/my-app/linux/x86_64/1.0.0';
const TIME = Date.parse('2026-11-30T11:00:00Z');
const REQUEST = { time: TIME, address: '203.0.113.9', path: PATH, status: 204 };

const FIELDS =
  '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs-uri-query';

/** Lines of real servers, each with that request. */
const LINES: readonly (readonly [LogFormat, readonly string[], object])[] = [
  [
    'combined',
    [`203.0.113.9 - - [30/Nov/2026:12:00:00 +0100] "GET ${PATH} HTTP/1.1" 204 0 "-" "tauri"`],
    REQUEST,
  ],
  ['combined', [`203.0.113.9 - jo [30/Nov/2026:11:00:00 +0000] "GET ${PATH} HTTP/2.0" 204 0`], REQUEST],
  [
    'cloudflare',
    [
      JSON.stringify({
        ClientIP: '203.0.113.9',
        ClientRequestMethod: 'GET',
        ClientRequestURI: PATH,
        EdgeResponseStatus: 204,
        EdgeStartTimestamp: '2026-11-30T11:00:00Z',
      }),
    ],
    REQUEST,
  ],
  ...([TIME / 1000, TIME * 1e6] as const).map(
    (EdgeStartTimestamp) =>
      [
        'cloudflare',
        [
          JSON.stringify({
            EdgeStartTimestamp,
            ClientIP: '203.0.113.9',
            ClientRequestMethod: 'GET',
            ClientRequestURI: PATH,
            EdgeResponseStatus: 204,
          }),
        ],
        REQUEST,
      ] as const,
  ),
  ...([TIME / 1000, '2026-11-30T11:00:00Z'] as const).map(
    (ts) =>
      [
        'caddy',
        [
          JSON.stringify({
            ...{ level: 'info', ts, logger: 'http.log.access', msg: 'handled request' },
            request: { remote_ip: '10.0.0.1', client_ip: '203.0.113.9', method: 'GET', uri: PATH },
            status: 204,
          }),
        ],
        REQUEST,
      ] as const,
  ),
  [
    'cloudfront',
    [
      '#Version: 1.0',
      FIELDS,
      `2026-11-30\t11:00:00\tFRA2\t0\t203.0.113.9\tGET\thost\t${PATH}\t204\tcohort=7`,
    ],
    { ...REQUEST, path: `${PATH}?cohort=7` },
  ],
];

describe('a line of an access log', () => {
  test.each(LINES)('in the format %s is read from %j', (format, lines, request) => {
    expect(formatOf(lines[0] ?? '')).toBe(format);
    const read = lineReader(format);
    expect(lines.map(read).at(-1)).toEqual(request);
  });

  test.each(LINES)('in the format %s is none with another method', (format, lines) => {
    const read = lineReader(format);
    expect(lines.map((line) => read(line.replace('GET', 'PUT'))).at(-1)).toBeUndefined();
  });

  test.each([
    '',
    'garbage',
    '{',
    'null',
    '{"ClientIP":1}',
    '{"level":"info","msg":"serving initial configuration"}',
    '{"request":null,"status":200}',
    '203.0.113.9 - - [30/Nov/2026] "GET / HTTP/1.1" 200 ',
    '203.0.113.9 - - [99/Foo/2026:99:00:00 +0100] "GET / HTTP/1.1" 200 ',
    `203.0.113.9 - - [30/Nov/2026:12:00:00 +0100] "GET ${'/'.repeat(9000)} HTTP/1.1" 204 0`,
    '2026-11-30\t11:00:00\tFRA2',
  ])('that is none is %j', (line) => {
    for (const format of LOG_FORMATS) expect(lineReader(format)(line)).toBeUndefined();
  });

  test('that is JSON of something else names no format', () => {
    expect(formatOf('{"level":"info","msg":"serving initial configuration"}')).toBeUndefined();
  });
});
