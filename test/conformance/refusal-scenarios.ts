import { type Expectation, type Scenario, scenario, step } from './scenario.ts';
import type { CallOptions, Reply } from './target.ts';
import type { World } from './world.ts';

const invalid = (...fields: string[]): Expectation => ({
  status: 400,
  problem: { code: 'invalid_request', fields },
});

/** A route with a JSON body: a valid one, and values that its fields cannot have. */
interface BodyRoute {
  readonly name: string;
  readonly call: (w: World, options: CallOptions) => Promise<Reply>;
  readonly good: (w: World) => Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
  readonly bad: Readonly<Record<string, readonly unknown[]>>;
}

const NOT_TEXT = [5, true, ['1.2.3'], { a: 1 }];
const UNREADABLE_TEXT = ['NUL \u0000', '\ud800', '\udc00', 'half \ud83c of it', '\udf89\ud83c'];

const bodyRoutes: readonly BodyRoute[] = [
  {
    name: 'setting a slug',
    call: (w, options) => w.appCall('PUT', '/slug', options),
    good: (w) => ({ slug: w.slug }),
    required: ['slug'],
    bad: { slug: [...NOT_TEXT, null] },
  },
  {
    name: 'creating a release',
    call: (w, options) => w.appCall('POST', '/releases', options),
    good: (w) => ({ version: w.v(1), notes: 'Notes.', signature: 'signature' }),
    required: ['version'],
    bad: {
      version: [...NOT_TEXT, null],
      notes: [...NOT_TEXT, ...UNREADABLE_TEXT],
      signature: [...NOT_TEXT, ...UNREADABLE_TEXT, '', 'x'.repeat(8193)],
    },
  },
  {
    name: 'requesting an upload',
    call: (w, options) => w.appCall('POST', `/releases/${w.releaseId('0-target')}/artifacts`, options),
    good: () => ({
      target: 'linux',
      arch: 'x86_64',
      file_size: 5,
      sha256: 'a'.repeat(64),
      signature: 'signature',
    }),
    required: ['target', 'arch', 'file_size'],
    bad: {
      target: [...NOT_TEXT, null, '', 'macos', 'Linux', 'linux ', 'constructor'],
      arch: [...NOT_TEXT, null, '', 'amd64', 'X86_64', 'arm64'],
      file_size: [0, -1, 1.5, '5', null, true, [5], 2 ** 53, 1e300],
      sha256: [...NOT_TEXT, '', 'a'.repeat(63), 'A'.repeat(64), 'g'.repeat(64), `${'a'.repeat(64)}\n`],
      signature: [...NOT_TEXT, ...UNREADABLE_TEXT, '', 'x'.repeat(8193)],
    },
  },
];

const JSON_TYPE = { 'content-type': 'application/json' };

/** Bodies that are not a JSON object. */
const noObject: readonly (readonly [string, CallOptions, Expectation])[] = [
  ['an array', { body: '[]', headers: JSON_TYPE }, invalid('body')],
  ['a text', { body: '"text"', headers: JSON_TYPE }, invalid('body')],
  ['null', { body: 'null', headers: JSON_TYPE }, invalid('body')],
  ['an empty body', { body: '', headers: JSON_TYPE }, invalid('body')],
  ['no body', {}, invalid('body')],
  ['truncated JSON', { body: '{"version":', headers: JSON_TYPE }, invalid('body')],
  ['JSON with a trailing comma', { body: '{"version":"1.2.3",}', headers: JSON_TYPE }, invalid('body')],
  [
    'JSON with a __proto__',
    { body: '{"__proto__":{"version":"1.2.3"}}', headers: JSON_TYPE },
    invalid('body'),
  ],
];

const otherTypes = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/xml',
  'multipart/form-data',
];

/** What every route with a JSON body refuses. */
export const refusalScenarios: readonly Scenario[] = bodyRoutes
  .flatMap((route) => [
    onRoute(
      route,
      'is accepted with the body that the refused ones are made from',
      (w) => ({ body: JSON.stringify(route.good(w)) }),
      {
        status: route.name === 'setting a slug' ? 200 : 201,
      },
    ),
    onRoute(
      route,
      'ignores a field that it does not know',
      (w) => ({ body: JSON.stringify({ ...route.good(w), later: { x: 1 } }) }),
      {
        status: route.name === 'setting a slug' ? 200 : 201,
      },
    ),
    ...route.required.map((field) =>
      onRoute(
        route,
        `is refused without ${field}`,
        (w) => ({ body: JSON.stringify({ ...route.good(w), [field]: undefined }) }),
        invalid(field),
      ),
    ),
    ...Object.entries(route.bad).flatMap(([field, values]) =>
      values.map((value) =>
        onRoute(
          route,
          `is refused with a ${field} of ${inWords(value)}`,
          (w) => ({ body: JSON.stringify({ ...route.good(w), [field]: value }) }),
          invalid(field),
        ),
      ),
    ),
    ...noObject.map(([what, options, expected]) =>
      onRoute(route, `is refused with ${what}`, () => options, expected),
    ),
    ...otherTypes.map((type) =>
      onRoute(
        route,
        `is refused with a body of ${type}`,
        (w) => ({ body: JSON.stringify(route.good(w)), headers: { 'content-type': type } }),
        { status: 415, problem: { code: 'unsupported_media_type' } },
      ),
    ),
    onRoute(
      route,
      'is refused with a body of more than 64 KiB, and accepted with one of exactly 64 KiB',
      (w) => ({ body: padded(route.good(w), 64 * 1024 + 1) }),
      { status: 413, problem: { code: 'too_large' } },
      (w) => ({ body: padded(route.good(w), 64 * 1024) }),
    ),
    onRoute(
      route,
      'is refused with a chunked body of more than 64 KiB',
      (w) => ({ body: padded(route.good(w), 64 * 1024 + 1), chunked: true }),
      { status: 413, problem: { code: 'too_large' } },
    ),
  ])
  .concat(
    scenario(
      'all invalid fields are named together',
      [
        step((w) => w.createRelease('0-target'), { status: 201 }),
        step(
          (w) => w.requestUpload('0-target', 'macos/amd64', { file_size: 0 }),
          invalid('target', 'arch', 'file_size'),
        ),
      ],
      'ours',
    ),
    scenario(
      'path parameters with a NUL are refused',
      [
        step((w) => w.call('GET', '/my%00app/linux/x86_64/1.0.0'), invalid('slug')),
        step((w) => w.call('GET', '/my-app/download/%00/linux/x86_64'), invalid('release_id')),
        step((w) => w.appCall('DELETE', '/releases/%00'), invalid('release_id')),
      ],
      'ours',
    ),
    scenario(
      'an artifact larger than the server’s limit is refused',
      [
        step((w) => w.createRelease('0-target'), { status: 201 }),
        step((w) => w.requestUpload('0-target', 'linux/x86_64', { file_size: 2 ** 52 }), {
          status: 413,
          problem: { code: 'too_large', fields: ['file_size'] },
        }),
      ],
      'ours',
    ),
  );

function onRoute(
  { name, call }: BodyRoute,
  what: string,
  options: (w: World) => CallOptions,
  expected: Expectation,
  then?: (w: World) => CallOptions,
): Scenario {
  const send = (make: (w: World) => CallOptions) => (w: World) => {
    const made = make(w);
    return call(w, made.body === undefined ? made : { headers: JSON_TYPE, ...made });
  };
  return scenario(
    `${name} ${what}`,
    [
      step((w) => w.createRelease('0-target'), { status: 201 }),
      step(send(options), expected),
      ...(then ? [step(send(then), { status: name === 'setting a slug' ? 200 : 201 })] : []),
    ],
    'ours',
  );
}

/** The JSON with white space before its last brace, so that it has that number of bytes. */
function padded(value: object, bytes: number): string {
  const json = JSON.stringify(value);
  return `${json.slice(0, -1)}${' '.repeat(bytes - json.length)}}`;
}

function inWords(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length > 80 ? `${json.slice(0, 8)}… (${json.length} characters)` : json;
}
