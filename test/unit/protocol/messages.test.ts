import Type, { type TSchema } from 'typebox';
import { describe, expect, test } from 'vitest';
import { Envelope } from '../../../src/protocol/manifest/envelope.ts';
import { ReleaseStatement } from '../../../src/protocol/manifest/release-statement.ts';
import * as messages from '../../../src/protocol/messages.ts';
import {
  AppResponse,
  CapabilitiesResponse,
  CreateArtifactRequest,
  CreateArtifactResponse,
  CreateReleaseRequest,
  MAX_JSON_BODY_BYTES,
  MAX_SIGNATURE_LENGTH,
  PathParameters,
  ReleaseListResponse,
  ReleaseResponse,
  SetSlugRequest,
  UpdateResponse,
  UploadResponse,
} from '../../../src/protocol/messages.ts';
import { fieldErrors, matches } from '../../../src/protocol/validate.ts';
import { VERSION_RULE } from '../../../src/protocol/version.ts';
import { documentedJson, documentedRequests } from '../../support/docs/api-document.ts';

const SLUG = { slug: 'my-app' };
const RELEASE = { version: '1.2.0' };
const ARTIFACT = { target: 'darwin', arch: 'aarch64', file_size: 52428800 };

const PARTY = '\u{1f389}';
const LONE_SURROGATES = ['\ud83c', '\udf89', '\udf89\ud83c'];

describe('the examples of api.md', () => {
  const requestBodies = documentedRequests.filter(({ body }) => body !== undefined);
  const documented = (blocks: readonly { heading: string }[]) => blocks.map(({ heading }) => heading);

  const requestSchemas: [string, TSchema][] = [
    ['1. Register a Slug', SetSlugRequest],
    ['2. Create a Release', CreateReleaseRequest],
    ['3. Upload Artifacts', CreateArtifactRequest],
  ];
  const responseSchemas: [string, TSchema][] = [
    ['2. Create a Release', ReleaseResponse],
    ['3. Upload Artifacts', CreateArtifactResponse],
    ['Update Available (200)', UpdateResponse],
  ];

  test('are all checked against a schema here, except the settings of the app', () => {
    expect(documented(requestBodies)).toEqual(requestSchemas.map(([heading]) => heading));
    expect(documented(documentedJson)).toEqual([
      ...responseSchemas.map(([heading]) => heading),
      'Tauri Integration',
    ]);
  });

  test.each(requestSchemas)('request: %s', (heading, schema) => {
    const example = requestBodies.find((request) => request.heading === heading);
    expect(fieldErrors(schema, example?.body)).toEqual([]);
    expect(matches(schema, example?.body)).toBe(true);
  });

  test.each(responseSchemas)('response: %s', (heading, schema) => {
    const example = documentedJson.find((answer) => answer.heading === heading);
    expect(fieldErrors(schema, example?.value)).toEqual([]);
    expect(matches(schema, example?.value)).toBe(true);
  });
});

/** A table row: what is wrong in words, the fields laid over a valid body, the field that must be named. */
type Wrong = [string, Record<string, unknown>, string];

function refuses(schema: TSchema, valid: object, table: readonly Wrong[]): void {
  test.each(table)('refuses %s', (_, wrong, field) => {
    expect(matches(schema, valid)).toBe(true);
    const body: unknown = { ...valid, ...wrong };
    expect(matches(schema, body)).toBe(false);
    expect(fieldErrors(schema, body).map((error) => error.field)).toEqual([field]);
  });
}

function accepts(schema: TSchema, valid: object, table: readonly [string, Record<string, unknown>][]): void {
  test.each(table)('accepts %s', (_, fields) => {
    expect(fieldErrors(schema, { ...valid, ...fields })).toEqual([]);
  });
}

describe('SetSlugRequest', () => {
  refuses(SetSlugRequest, SLUG, [
    ['a slug of 2 characters', { slug: 'ab' }, 'slug'],
    ['a slug of 41 characters', { slug: 'a'.repeat(41) }, 'slug'],
    ['a slug with an upper-case letter', { slug: 'My-app' }, 'slug'],
    ['a slug that ends with a hyphen', { slug: 'my-app-' }, 'slug'],
    ['a slug with a line end', { slug: 'my-app\n' }, 'slug'],
    ['a number for the slug', { slug: 12345 }, 'slug'],
    ['null for the slug', { slug: null }, 'slug'],
    ['a list for the slug', { slug: ['my-app'] }, 'slug'],
  ]);

  test('explains the rule for a slug in words', () => {
    expect(fieldErrors(SetSlugRequest, { slug: '-' })).toEqual([
      {
        field: 'slug',
        message: 'must be 3 to 40 characters, lowercase letters, digits and hyphens, no hyphen at either end',
      },
    ]);
  });
});

describe('CreateReleaseRequest', () => {
  accepts(CreateReleaseRequest, RELEASE, [
    ['a version alone', {}],
    ['a pre-release with build metadata', { version: '1.2.0-rc.1+build.5' }],
    ['null for notes and signature', { notes: null, signature: null }],
    ['empty notes', { notes: '' }],
    ['notes with emoji', { notes: `${PARTY} done \u{1f469}\u{200d}\u{1f680}` }],
    ['notes of several lines', { notes: 'one\r\n\ttwo\n\u2028three' }],
    ['notes that look like markup', { notes: '<b>"\\u0000"</b>' }],
    ['a signature of the greatest length', { signature: 'A'.repeat(MAX_SIGNATURE_LENGTH) }],
    ['a signature of a scheme of its own', { signature: `sig ${PARTY}` }],
  ]);

  refuses(CreateReleaseRequest, RELEASE, [
    ['a version with a leading v', { version: 'v1.2.0' }, 'version'],
    ['a version with a leading zero', { version: '1.02.0' }, 'version'],
    ['a version with a line end', { version: '1.2.0\n' }, 'version'],
    ['a version that is too long', { version: `1.2.0-${'a'.repeat(59)}` }, 'version'],
    ['an empty version', { version: '' }, 'version'],
    ['a number for the version', { version: 1.2 }, 'version'],
    ['null for the version', { version: null }, 'version'],
    ['a number for the notes', { notes: 5 }, 'notes'],
    ['a boolean for the notes', { notes: true }, 'notes'],
    ['a list for the notes', { notes: ['fixed'] }, 'notes'],
    ['NUL in the notes', { notes: 'a\0b' }, 'notes'],
    ...LONE_SURROGATES.map(
      (lone): Wrong => [
        `a lone surrogate in the notes (${JSON.stringify(lone)})`,
        { notes: `a${lone}b` },
        'notes',
      ],
    ),
    ['a lone surrogate after a whole pair in the notes', { notes: `${PARTY}\ud83c` }, 'notes'],
    ['a lone surrogate on the second line of the notes', { notes: 'a\n\ud83c' }, 'notes'],
    ['an empty signature', { signature: '' }, 'signature'],
    ['a signature that is too long', { signature: 'A'.repeat(MAX_SIGNATURE_LENGTH + 1) }, 'signature'],
    ['NUL in the signature', { signature: 'A\0' }, 'signature'],
    ['a lone surrogate in the signature', { signature: 'A\ud83c' }, 'signature'],
    ['a number for the signature', { signature: 5 }, 'signature'],
  ]);

  test('requires the version and nothing else', () => {
    expect(fieldErrors(CreateReleaseRequest, {})).toEqual([{ field: 'version', message: 'is required' }]);
  });

  test('names all invalid fields at once, in words', () => {
    expect(fieldErrors(CreateReleaseRequest, { version: '1.2', notes: '\0', signature: '' })).toEqual([
      {
        field: 'version',
        message: `must be ${VERSION_RULE}`,
      },
      { field: 'notes', message: 'must be text without NUL or lone surrogates' },
      {
        field: 'signature',
        message: 'must be text of 1 to 8192 characters without NUL or lone surrogates',
      },
    ]);
  });
});

describe('CreateArtifactRequest', () => {
  accepts(CreateArtifactRequest, ARTIFACT, [
    ['a file of one byte', { file_size: 1 }],
    ['the greatest size that a number holds exactly', { file_size: Number.MAX_SAFE_INTEGER }],
    ['the fields of artifact-signature', { signature: 'c2ln', sha256: '0123456789abcdef'.repeat(4) }],
    ...['linux', 'darwin', 'windows'].flatMap((target) =>
      ['x86_64', 'aarch64'].map((arch): [string, Record<string, unknown>] => [
        `${target} on ${arch}`,
        { target, arch },
      ]),
    ),
  ]);

  refuses(CreateArtifactRequest, ARTIFACT, [
    ['an unknown target', { target: 'macos' }, 'target'],
    ['a target in upper case', { target: 'Darwin' }, 'target'],
    ['a list for the target', { target: ['darwin'] }, 'target'],
    ['null for the target', { target: null }, 'target'],
    ['an unknown arch', { arch: 'arm64' }, 'arch'],
    ['both archs in one', { arch: 'universal' }, 'arch'],
    ['a number for the arch', { arch: 64 }, 'arch'],
    ['an empty file', { file_size: 0 }, 'file_size'],
    ['a negative size', { file_size: -1 }, 'file_size'],
    ['half a byte', { file_size: 1.5 }, 'file_size'],
    ['a size that a number does not hold exactly', { file_size: 2 ** 53 }, 'file_size'],
    ['digits for the size', { file_size: '52428800' }, 'file_size'],
    ['a boolean for the size', { file_size: true }, 'file_size'],
    ['null for the size', { file_size: null }, 'file_size'],
    ['an empty signature', { signature: '' }, 'signature'],
    ['a signature that is too long', { signature: 'A'.repeat(MAX_SIGNATURE_LENGTH + 1) }, 'signature'],
    ['a number for the signature', { signature: 5 }, 'signature'],
    ['a SHA-256 in upper case', { sha256: 'ABCDEF0123456789'.repeat(4) }, 'sha256'],
    ['a SHA-256 that is cut short', { sha256: 'a'.repeat(63) }, 'sha256'],
    ['a SHA-512 for the SHA-256', { sha256: 'a'.repeat(128) }, 'sha256'],
    ['a SHA-256 in base64', { sha256: `${'A'.repeat(43)}=` }, 'sha256'],
  ]);

  test('requires target, arch and size and nothing else', () => {
    expect(fieldErrors(CreateArtifactRequest, {})).toEqual(
      ['target', 'arch', 'file_size'].map((field) => ({ field, message: 'is required' })),
    );
  });

  test('names all invalid fields at once, in words', () => {
    const body = { target: 'macos', arch: 'arm64', file_size: 0, sha256: '' };
    expect(fieldErrors(CreateArtifactRequest, body)).toEqual([
      {
        field: 'target',
        message: expect.stringMatching(/^must be one of linux, darwin, windows; or the custom/),
      },
      { field: 'arch', message: 'must be one of x86_64, aarch64, i686, armv7, riscv64' },
      { field: 'file_size', message: 'must be a positive whole number of bytes' },
      { field: 'sha256', message: 'must be a SHA-256 as 64 lowercase hexadecimal digits' },
    ]);
  });
});

describe('PathParameters', () => {
  test.each(['app_id', 'release_id', 'slug', 'upload_id', 'storage_key'] as const)(
    '%s is any text of 1 to 200 characters without NUL',
    (name) => {
      const schema = PathParameters[name];
      const texts = ['', 'a', '../x', 'a'.repeat(200), 'a'.repeat(201), 'a\u0000'];
      expect(texts.map((text) => matches(schema, text))).toEqual([false, true, true, true, false, false]);
    },
  );

  test.each([
    ['target', 'linux', 'Linux'],
    ['arch', 'x86_64', 'amd64'],
    ['current_version', '1.1.0+2', 'v1.1.0'],
  ] as const)('%s accepts %s and refuses %s', (name, right, wrong) => {
    expect(matches(PathParameters[name], right)).toBe(true);
    expect(matches(PathParameters[name], wrong)).toBe(false);
  });
});

describe('responses', () => {
  const artifact = { target: 'linux', arch: 'armv7', file_size: 3, sha256: 'ab', signature: null };
  const { sha256: _hash, ...unhashed } = artifact;
  const update = { version: '1.2.0', url: 'https://example.test/file', signature: 'c2ln' };
  const app = { id: '1', name: 'My App', slug: 'my-app', pubkey: null };
  const capabilities = { name: 'synckit-ota', version: '0.1.0', extensions: ['app', 'rollout'] };
  const release = { id: '1', version: '1.2.0' };
  const uploaded = { status: 'complete', size: 3, sha256: 'ab', went_live: false };

  /** The least that each answer needs; every field of it is one the client cannot work without. */
  const LEAST: [string, TSchema, Record<string, unknown>][] = [
    ['ReleaseResponse', ReleaseResponse, release],
    ['CreateArtifactResponse', CreateArtifactResponse, { upload_url: 'https://example.test/put' }],
    ['UpdateResponse', UpdateResponse, update],
    ['AppResponse', AppResponse, app],
    ['UploadResponse', UploadResponse, uploaded],
    ['CapabilitiesResponse', CapabilitiesResponse, capabilities],
  ];

  test.each(LEAST)('%s lets fields through that it does not know', (_, schema, least) => {
    expect(matches(schema, least)).toBe(true);
    expect(matches(schema, { ...least, later: { nested: true } })).toBe(true);
  });

  test.each(
    LEAST.flatMap(([name, schema, least]) =>
      Object.keys(least).map((field): [string, string, TSchema, Record<string, unknown>] => [
        name,
        field,
        schema,
        least,
      ]),
    ),
  )('%s is refused without its %s', (_, field, schema, least) => {
    const { [field]: _left, ...rest } = least;
    expect(fieldErrors(schema, rest)).toEqual([{ field, message: 'is required' }]);
  });

  test.each(LEAST)('%s is refused when it is not an object', (_, schema) => {
    for (const value of [null, 'OK', 204, [], [{}]]) expect(matches(schema, value)).toBe(false);
  });

  test.each<[string, TSchema, Record<string, unknown>, Record<string, unknown>, string]>([
    ['a release with a number for its id', ReleaseResponse, release, { id: 7 }, 'id'],
    ['a release with an empty id', ReleaseResponse, release, { id: '' }, 'id'],
    [
      'a release with an artifact that lacks its hash',
      ReleaseResponse,
      release,
      { artifacts: [artifact, unhashed] },
      'artifacts.1.sha256',
    ],
    [
      'a release with an artifact that has its size as text',
      ReleaseResponse,
      release,
      { artifacts: [{ ...artifact, file_size: '3' }] },
      'artifacts.0.file_size',
    ],
    [
      'an empty upload url',
      CreateArtifactResponse,
      { upload_url: 'https://example.test/put' },
      { upload_url: '' },
      'upload_url',
    ],
    ['an update with an empty url', UpdateResponse, update, { url: '' }, 'url'],
    ['an update with null for its signature', UpdateResponse, update, { signature: null }, 'signature'],
    ['an app with a number as slug', AppResponse, app, { slug: 5 }, 'slug'],
    [
      'an extension that is no text',
      CapabilitiesResponse,
      capabilities,
      { extensions: ['app', 1] },
      'extensions.1',
    ],
  ])('%s is refused', (_, schema, valid, wrong, field) => {
    expect(matches(schema, valid)).toBe(true);
    const errors = fieldErrors(schema, { ...valid, ...wrong });
    expect(errors.map((error) => error.field)).toEqual([field]);
  });

  test.each<[string, TSchema, unknown]>([
    [
      'a release with nulls and complete artifacts',
      ReleaseResponse,
      { ...release, notes: null, signature: null, pub_date: null, created_at: null, artifacts: [artifact] },
    ],
    ['an update with nulls', UpdateResponse, { ...update, notes: null, pub_date: null }],
    ['an update without a signature to speak of', UpdateResponse, { ...update, signature: '' }],
    ['an app without a slug and with a key', AppResponse, { ...app, slug: null, pubkey: 'a2V5' }],
    ['an app with its releases', AppResponse, { ...app, releases: [release] }],
    ['a server without extensions', CapabilitiesResponse, { ...capabilities, extensions: [] }],
  ])('%s is read', (_, schema, value) => {
    expect(matches(schema, value)).toBe(true);
  });

  test.each<[string, boolean, unknown]>([
    ['a bare list', true, [release]],
    ['a wrapped list', true, { releases: [release], total: 1 }],
    ['an empty list', true, []],
    ['a wrapped empty list', true, { releases: [] }],
    ['a list under another name', false, { data: [release] }],
    ['a single release', false, release],
    ['a list with something else in it', false, [release, { id: '2' }]],
    ['a wrapped list with something else in it', false, { releases: [{ id: '2' }] }],
    ['null', false, null],
  ])('whether ReleaseListResponse reads %s: %s', (_, expected, value) => {
    expect(matches(ReleaseListResponse, value)).toBe(expected);
  });
});

describe('attack M7: each pattern of a request is decided in linear time', () => {
  const patterns = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, part] of Object.entries(value)) {
      if (name === 'pattern' && typeof part === 'string') patterns.add(part);
      collect(part);
    }
  };
  collect(messages);
  const repeated = [
    '0',
    '1',
    'a',
    'A',
    '-',
    '.',
    '_',
    '+',
    '@',
    ',',
    ' ',
    '\n',
    'a-',
    '1.',
    '-1',
    '.0-',
    'x86',
    'a@x86_64,',
  ];
  const starts = ['', '1.2.0-', '1.2.0+', 'linux-', 'windows-x', 'a-'];

  test.each([...patterns])('%s', (pattern) => {
    const regex = new RegExp(pattern, 'u');
    for (const start of starts) {
      for (const part of repeated) {
        const text = `${start}${part.repeat(MAX_JSON_BODY_BYTES / part.length)}\u0000`;
        const before = performance.now();
        regex.test(text);
        expect(performance.now() - before, JSON.stringify([start, part])).toBeLessThan(100);
      }
    }
  });
});

test('attack long lists: each list of a request has a limit, which is looked at first', () => {
  const lists = (schema: TSchema): TSchema[] => {
    if (Type.IsUnion(schema)) return schema.anyOf.flatMap(lists);
    if (Type.IsObject(schema)) return Object.values(schema.properties).flatMap(lists);
    return Type.IsArray(schema) ? [schema, ...lists(schema.items)] : [];
  };
  const requests = Object.entries({ ...messages, Envelope, ReleaseStatement }).flatMap(([name, schema]) =>
    /(Request|Query|Envelope|ReleaseStatement)$/.test(name) && Type.IsSchema(schema) ? [schema] : [],
  );
  const found = requests.flatMap(lists);
  expect(found.length).toBeGreaterThan(5);
  for (const list of found) expect(list).toHaveProperty('maxItems');
});
