import { describe, expect, test } from 'vitest';
import { type Checked, issuesOf, requireOk } from '../../../../src/issue.ts';
import { EXTENSIONS } from '../../../../src/protocol/extensions.ts';
import type { ReleaseResponse } from '../../../../src/protocol/messages.ts';
import type { Platform } from '../../../../src/protocol/platform.ts';
import { type Plan, plan } from '../../../../src/publish/plan/plan.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import type { ServerState } from '../../../../src/publish/server-state/server-state.ts';
import { artifact, BASE, OURS, REQUEST, release } from '../../../support/publish/plan-inputs.ts';
import {
  type ListedRelease,
  listedRelease,
  signedFile,
  type TestKey,
  testKey,
} from '../../../support/publish/routed-releases.ts';
import { DEB, LINUX, MAC, WINDOWS } from '../../../support/tauri/local-file.ts';

const [K, K2, K3] = [testKey(), testKey(), testKey()];
/** Ours, before it could route. */
const EARLIER: ServerState = {
  ...OURS,
  extensions: new Set(EXTENSIONS.filter((extension) => extension !== 'key-routing')),
};

/** By version: the key that it is signed with, and the one that it carries. */
const FIRST = listedRelease('1.0.0', { signed: K, carries: K });
const BRIDGE = listedRelease('1.1.0', { signed: K, carries: K2 });
const BETA_BRIDGE = { ...BRIDGE, version: '1.1.0-beta.1', channel: 'beta' };

interface Publishing {
  readonly version?: string;
  readonly signed: TestKey;
  readonly carries?: TestKey | undefined;
  readonly platforms?: readonly Platform[];
  readonly request?: Partial<ReleaseRequest>;
  readonly server?: Partial<ServerState>;
}

/** The plan to publish 1.2.0 after these releases. */
function planned(
  releases: readonly ReleaseResponse[],
  { version = '1.2.0', signed, carries, platforms = [LINUX], request = {}, server = {} }: Publishing,
): Checked<Plan> {
  return plan(
    {
      ...REQUEST,
      slug: 'my-app',
      version,
      ...(carries && { embeddedKey: carries.pair.publicKey }),
      ...request,
    },
    platforms.map((platform) => signedFile(signed, platform)),
    { ...OURS, ...server, releases },
  );
}

function issues(releases: readonly ReleaseResponse[], publishing: Publishing) {
  return issuesOf(planned(releases, publishing));
}

function idsOf(releases: readonly ReleaseResponse[], publishing: Publishing): string[] {
  return issues(releases, publishing).map(({ id, code }) => {
    expect(code).toBe('preflight_refused');
    return id;
  });
}

describe('field 1: a release is published', () => {
  test.each<[string, readonly ReleaseResponse[], Publishing]>([
    ['as the first, with the key that it carries', [], { signed: K, carries: K }],
    ['with the same key', [FIRST], { signed: K, carries: K }],
    ['as the bridge', [FIRST], { signed: K, carries: K2 }],
    [
      'as the bridge, where no release says what it carries',
      [listedRelease('1.0.0', { signed: K })],
      { signed: K, carries: K2 },
    ],
    ['after the bridge', [FIRST, BRIDGE], { signed: K2, carries: K2 }],
    ['as a second bridge', [FIRST, BRIDGE], { signed: K2, carries: K3 }],
    [
      'after two bridges',
      [FIRST, BRIDGE, listedRelease('1.1.5', { signed: K2, carries: K3 })],
      { signed: K3, carries: K3 },
    ],
    [
      'after the bridge, for a kind of bundle',
      [FIRST, BRIDGE],
      { signed: K2, carries: K2, platforms: [DEB] },
    ],
    [
      'in the channel of its bridge',
      [FIRST, BETA_BRIDGE],
      { signed: K2, carries: K2, request: { channel: 'beta' }, version: '1.2.0-beta.1' },
    ],
    [
      'without key information, with the key of the release before',
      [listedRelease('1.0.0', { signed: K })],
      { signed: K },
    ],
    ['for a platform that had none', [FIRST], { signed: K, carries: K, platforms: [MAC] }],
    [
      'with a key that was given, though it is known nowhere',
      [],
      { signed: K, carries: K2, request: { publicKey: K.pair.publicKey } },
    ],
    ['as a stepping stone', [FIRST], { signed: K, carries: K, request: { requires: '1.0.0' } }],
    [
      'for versions above one that is not known, as another leads to it',
      [FIRST, BRIDGE],
      { signed: K2, carries: K2, request: { requires: '1.0.7' } },
    ],
  ])('%s', (_, releases, publishing) => {
    expect(issues(releases, publishing)).toEqual([]);
  });

  test('with its keys, what it requires, and that it may strand versions', () => {
    const request = { requires: '1.0.0', allowStranding: true };
    const { release: created } = requireOk(planned([FIRST], { signed: K, carries: K2, request }));
    expect(created).toEqual({
      kind: 'new',
      body: {
        version: '1.2.0',
        draft: true,
        signing_key_id: K.id,
        embedded_pubkey: K2.text,
        requires: '1.0.0',
        allow_stranding: true,
      },
    });
  });

  test.each([
    ['a base server', { ...BASE, slug: 'my-app' }],
    ['an earlier server', EARLIER],
  ])('without all that to %s', (_, server) => {
    const { release: created } = requireOk(
      planned([], { signed: K, carries: K, request: { allowStranding: true }, server }),
    );
    expect(JSON.stringify(created)).not.toMatch(/key_id|pubkey|stranding/);
  });

  test('with a word on what comes after a bridge', () => {
    const { warnings } = requireOk(planned([FIRST], { signed: K, carries: K2 }));
    expect(warnings).toEqual([
      `1.2.0 hands over from key ${K.id} to key ${K2.id}, which its build carries: sign the next release with ${K2.id}; apps that have not installed 1.2.0 are led over it.`,
    ]);
    expect(requireOk(planned([FIRST], { signed: K, carries: K })).warnings).toEqual([]);
  });
});

describe('field 1: a release is refused that apps could not get to', () => {
  test.each<[string, readonly ReleaseResponse[], Publishing, RegExp]>([
    ['without a bridge', [FIRST], { signed: K2, carries: K2 }, /1\.0\.0 .*no way to 1\.2\.0/],
    ['with the old key after the bridge', [FIRST, BRIDGE], { signed: K, carries: K2 }, /1\.1\.0/],
    [
      'a rotation later',
      [FIRST, BRIDGE],
      { signed: K3, carries: K3, request: { publicKey: K3.pair.publicKey } },
      /1\.0\.0 and 1\.1\.0/,
    ],
    [
      'over a bridge that is yanked',
      [FIRST, { ...BRIDGE, status: 'yanked' }],
      { signed: K2, carries: K2 },
      /1\.0\.0/,
    ],
    [
      'on a platform that the bridge lacks',
      [listedRelease('1.0.0', { signed: K, carries: K, platforms: [LINUX, WINDOWS] }), BRIDGE],
      { signed: K2, carries: K2, platforms: [LINUX, WINDOWS] },
      /1\.0\.0 .*windows-x86_64/,
    ],
    ['over a bridge of another channel', [FIRST, BETA_BRIDGE], { signed: K2, carries: K2 }, /1\.0\.0/],
    [
      'where only the new release says what it carries',
      [listedRelease('1.0.0', { signed: K })],
      { signed: K2, carries: K2, request: { publicKey: K2.pair.publicKey } },
      /1\.0\.0/,
    ],
    [
      'where nothing says what a release carries',
      [listedRelease('1.0.0', { signed: K })],
      { signed: K2 },
      new RegExp(`${K2.id}.* 1\\.0\\.0 .*${K.id}`),
    ],
    [
      'which require a version that there is none of',
      [FIRST],
      { signed: K, carries: K, request: { requires: '1.1.0' } },
      /1\.0\.0/,
    ],
    [
      'which require a version that is yanked',
      [FIRST, listedRelease('1.1.0', { signed: K, carries: K, fields: { status: 'yanked' } })],
      { signed: K, carries: K, request: { requires: '1.1.0' } },
      /1\.0\.0/,
    ],
  ])('%s', (_, releases, publishing, message) => {
    expect(issues(releases, publishing)).toEqual([
      {
        id: 'release.would_strand',
        code: 'preflight_refused',
        message: expect.stringMatching(message),
        hint: expect.stringContaining('--allow-stranding'),
      },
    ]);
    const allowed = { ...publishing, request: { ...publishing.request, allowStranding: true } };
    expect(issues(releases, allowed)).toEqual([]);
  });

  test('with the key to sign it with instead', () => {
    const [issue] = issues([FIRST, BRIDGE], { signed: K, carries: K2 });
    expect(issue?.hint).toMatch(new RegExp(`^Sign it with ${K2.id}`));
  });

  test('unless it stays a draft, which is checked when it goes live', () => {
    expect(
      issues([FIRST], { signed: K2, carries: K2, request: { draft: true, publicKey: K2.pair.publicKey } }),
    ).toEqual([]);
  });
});

describe('field 1: a version that was deleted', () => {
  const deletedOf = (signed: TestKey, carries?: TestKey) => ({
    deleted: [
      {
        version: '1.0.0',
        target: 'linux',
        arch: 'x86_64',
        channel: 'stable',
        signing_key_id: signed.id,
        embedded_pubkey: carries?.text ?? null,
      },
    ],
  });

  test.each<[string, Partial<ServerState>, Publishing]>([
    ['carries another key', deletedOf(K, K), { signed: K2, carries: K2 }],
    ['was signed with another key', deletedOf(K), { signed: K2 }],
    [
      'was signed with another key than this one, which says what it carries',
      deletedOf(K),
      { signed: K2, carries: K2 },
    ],
  ])('is not left behind: it %s', (_, server, publishing) => {
    const request = { publicKey: K2.pair.publicKey };
    expect(issues([], { ...publishing, server, request })).toMatchObject([
      { id: 'release.would_strand', message: expect.stringMatching(/1\.0\.0/) },
    ]);
    expect(issues([], { ...publishing, server, request: { ...request, allowStranding: true } })).toEqual([]);
  });

  test('is led over a bridge, which is not the first release then', () => {
    expect(issues([], { signed: K, carries: K2, server: deletedOf(K, K) })).toEqual([]);
    expect(idsOf([], { signed: K, carries: K2 })).toEqual(['release.carries_other_key']);
  });

  test('is not missed in another channel', () => {
    const [file] = deletedOf(K).deleted;
    const server = { deleted: file === undefined ? [] : [{ ...file, channel: 'beta' }] };
    expect(issues([], { signed: K2, server })).toEqual([]);
  });
});

describe('field 1: a server that offers only the highest release', () => {
  const servers: [string, Partial<ServerState>][] = [
    ['a base server', BASE],
    ['an earlier server', EARLIER],
  ];
  const liveOn = (listed: ListedRelease) => [
    listedRelease('1.1.0', listed),
    // A base server lists no artifacts.
    release('1.1.0', { signature: listed.signed.signature }),
  ];

  test.each(servers)('gets the bridge: %s', (_, server) => {
    for (const live of liveOn({ signed: K })) {
      expect(issues([live], { signed: K, carries: K2, server })).toEqual([]);
      const { warnings } = requireOk(planned([live], { signed: K, carries: K2, server }));
      expect(warnings.join()).toContain('once all apps have installed 1.2.0');
    }
  });

  test.each(servers)('gets nothing after the bridge, as it cannot lead anyone over it: %s', (_, server) => {
    for (const live of liveOn({ signed: K })) {
      const [issue, ...others] = issues([live], { signed: K2, carries: K2, server });
      expect(others).toEqual([]);
      expect(issue).toMatchObject({
        id: 'release.would_strand',
        code: 'preflight_refused',
        message: expect.stringMatching(new RegExp(`${K2.id}.*1\\.1\\.0.*${K.id}.*only the highest`)),
        hint: expect.stringMatching(/key-routing/),
      });
      const request = { allowStranding: true };
      expect(issues([live], { signed: K2, carries: K2, server, request })).toEqual([]);
    }
  });

  test.each(servers)('cannot require a version: %s', (_, server) => {
    expect(idsOf([], { signed: K, carries: K, request: { requires: '1.0.0' }, server })).toEqual([
      'server.no_requires',
    ]);
  });
});

describe('field 1: the key of the files', () => {
  test('is one for all of them', () => {
    const files = [signedFile(K, LINUX), signedFile(K2, MAC)];
    const found = issuesOf(plan(REQUEST, files, { ...OURS, releases: [FIRST] }));
    expect(found).toMatchObject([
      { id: 'release.mixed_keys', message: expect.stringMatching(new RegExp(`${K.id}.*${K2.id}`)) },
    ]);
  });

  test('is the one that a first release carries, unless it is given', () => {
    expect(issues([], { signed: K, carries: K2 })).toMatchObject([
      {
        id: 'release.carries_other_key',
        code: 'preflight_refused',
        message: expect.stringMatching(new RegExp(`${K.id}.*${K2.id}`)),
        hint: expect.stringContaining('--pubkey'),
      },
    ]);
    expect(idsOf([{ ...FIRST, status: 'draft' }], { signed: K, carries: K2 })).toEqual([
      'release.carries_other_key',
    ]);
  });

  test('is one that the build or a release knows', () => {
    const [issue, ...others] = issues([FIRST, BRIDGE], { signed: K3, carries: K2 });
    expect(others.map(({ id }) => id)).toEqual([]);
    expect(issue).toMatchObject({
      id: 'signature.unknown_key',
      message: expect.stringMatching(new RegExp(`${K3.id}.*${K2.id}`)),
      hint: expect.stringContaining(K2.id),
    });
    const allowed = { signed: K3, carries: K2, request: { allowStranding: true } };
    expect(idsOf([FIRST, BRIDGE], allowed)).toEqual(['signature.unknown_key']);
  });

  test('is not held against the releases if it is not the given one, as its signatures do not verify then', () => {
    const given = { publicKey: K.pair.publicKey };
    expect(issues([FIRST], { signed: K2, carries: K2, request: given })).toEqual([]);
  });

  test.each<[string, readonly TestKey[], Publishing, boolean]>([
    ['the app’s own', [K], { signed: K, carries: K }, true],
    ['one that releases hand over to', [K, K2], { signed: K2, carries: K2 }, true],
    ['another', [K], { signed: K2, carries: K2 }, false],
    [
      'another, which is given',
      [K],
      { signed: K2, carries: K2, request: { publicKey: K2.pair.publicKey } },
      false,
    ],
    [
      'another, whoever is stranded',
      [K],
      { signed: K2, carries: K2, request: { allowStranding: true } },
      false,
    ],
    ['another, for a draft', [K], { signed: K2, carries: K2, request: { draft: true } }, false],
  ])('is accepted by the server: %s', (_, accepted, publishing, isAccepted) => {
    const releases = accepted.includes(K2) ? [FIRST, BRIDGE] : [FIRST];
    const acceptedPubkeys = accepted.map(({ text }) => text);
    for (const on of [OURS, EARLIER]) {
      const found = idsOf(releases, { ...publishing, server: { ...on, acceptedPubkeys } });
      if (!isAccepted) expect(found).toEqual(['signature.not_accepted']);
      else if (on === OURS) expect(found).toEqual([]);
    }
  });

  test('does not matter where a signature belongs to another scheme', () => {
    const files = [artifact(LINUX, { signature: 'of another scheme' })];
    expect(issuesOf(plan({ ...REQUEST, slug: 'my-app' }, files, { ...OURS, releases: [FIRST] }))).toEqual([]);
  });
});

describe('field 1: a release that exists', () => {
  const DRAFT = listedRelease('1.2.0', { signed: K, carries: K2, fields: { status: 'draft' } });
  const conflicts = (existing: ReleaseResponse, publishing: Publishing) =>
    issues([FIRST, existing], { ...publishing, platforms: [MAC] }).map(({ id, code, message }) => [
      id,
      code,
      message,
    ]);

  test('gets the files of another job with the same keys', () => {
    expect(conflicts(DRAFT, { signed: K, carries: K2 })).toEqual([]);
  });

  test('gets no files that are signed with another key, or carry another', () => {
    expect(conflicts(DRAFT, { signed: K2, carries: K2 })).toContainEqual([
      'release.other_keys',
      'conflict',
      expect.stringMatching(new RegExp(`${K.id}.*${K2.id}`)),
    ]);
    expect(conflicts(DRAFT, { signed: K, carries: K })).toEqual([
      ['release.other_keys', 'conflict', expect.stringMatching(new RegExp(`${K2.id}.*${K.id}`))],
    ]);
  });

  test('keeps what it requires', () => {
    const requiring = { ...DRAFT, requires: '1.0.0' };
    expect(conflicts(requiring, { signed: K, carries: K2 })).toEqual([]);
    expect(conflicts(requiring, { signed: K, carries: K2, request: { requires: '1.0.0' } })).toEqual([]);
    expect(conflicts(requiring, { signed: K, carries: K2, request: { requires: '0.9.0' } })).toMatchObject([
      ['release.other_requires', 'conflict', expect.stringMatching(/1\.0\.0.*0\.9\.0/)],
    ]);
    expect(conflicts(DRAFT, { signed: K, carries: K2, request: { requires: '1.0.0' } })).toMatchObject([
      ['release.other_requires', 'conflict', expect.anything()],
    ]);
  });

  test('gets the key that it carries, if it is a draft that was created without', () => {
    const { embedded_pubkey: _, ...unaware } = DRAFT;
    const recorded = (existing: ReleaseResponse, server: Partial<ServerState> = {}) =>
      requireOk(planned([FIRST, existing], { signed: K, carries: K2, platforms: [MAC], server }))
        .releaseChange?.embedded_pubkey;
    expect(recorded(unaware)).toBe(K2.text);
    expect(recorded(DRAFT)).toBeUndefined();
    expect(recorded({ ...unaware, status: 'published' })).toBeUndefined();
    expect(recorded(unaware, EARLIER)).toBeUndefined();
  });

  test('needs the right to write, also if only its key is added', () => {
    const { embedded_pubkey: _, ...unaware } = { ...DRAFT, expect: ['linux-x86_64', 'darwin-aarch64'] };
    const file = signedFile(K, LINUX);
    const server = {
      scopes: ['release:read'],
      stored: new Map([['linux-x86_64', { sha256: file.sha256, signature: file.signature }]]),
    };
    const request = { expect: unaware.expect };
    expect(issues([FIRST, unaware], { signed: K, carries: K2, request, server })).toMatchObject([
      { id: 'server.token_scope' },
    ]);
  });

  test('is allowed to leave apps behind before a file is added to it', () => {
    const live = listedRelease('1.2.0', { signed: K2, carries: K2 });
    const adding = { signed: K2, carries: K2, platforms: [WINDOWS], request: { allowStranding: true } };
    const changeBy = (publishing: Publishing) =>
      requireOk(planned([FIRST, BRIDGE, live], publishing)).releaseChange;
    expect(changeBy(adding)).toEqual({ allow_stranding: true });
    expect(changeBy({ ...adding, request: {} })).toBeUndefined();
    expect(changeBy({ ...adding, server: EARLIER })).toBeUndefined();
  });

  test('is not added to on a platform where that would leave apps behind', () => {
    const live = listedRelease('1.2.0', { signed: K2, carries: K2 });
    const first = listedRelease('1.0.0', { signed: K, carries: K, platforms: [LINUX, WINDOWS] });
    const publishing = { signed: K2, carries: K2, platforms: [WINDOWS] };
    expect(idsOf([first, BRIDGE, live], publishing)).toEqual(['release.would_strand']);
  });
});
