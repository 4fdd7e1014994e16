import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReleaseResponse } from '../../../../src/protocol/messages.ts';
import { formatKeyId, parsePublicKey } from '../../../../src/protocol/minisign.ts';
import {
  highestLive,
  keyChangeIssues,
  keyIdOf,
  liveBefore,
  orderIssues,
} from '../../../../src/publish/plan/previous-release.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import { artifact, REQUEST, release } from '../../../support/publish/plan-inputs.ts';
import {
  generateKeyInProcess,
  type InProcessKey,
  signInProcess,
} from '../../../support/tauri/in-process-signer.ts';
import { LINUX, MAC } from '../../../support/tauri/local-file.ts';

const RELEASES = [
  release('1.0.0', { status: 'published', channel: 'stable' }),
  release('1.10.0', { status: 'published', channel: 'stable' }),
  release('1.9.0', { status: 'published', channel: 'stable' }),
  release('1.11.0', { status: 'yanked', channel: 'stable' }),
  release('1.12.0', { status: 'draft', channel: 'stable' }),
  release('1.13.0-beta.1', { status: 'published', channel: 'beta' }),
  release('1.14.0', { status: 'published', channel: 'nightly' }),
  release('latest', { status: 'published', channel: 'stable' }),
];

describe('the live release', () => {
  test.each([
    ['for everyone: no draft, yanked release, other channel or invalid version', {}, '1.10.0'],
    ['for a channel: its own releases too', { channel: 'beta' }, '1.13.0-beta.1'],
    ['for a channel without releases: that for everyone', { channel: 'none-yet' }, '1.10.0'],
    ['except the version itself', { version: '1.10.0' }, '1.9.0'],
    ['except the version itself, whatever its build metadata', { version: '1.10.0+2' }, '1.9.0'],
  ])('with the highest version %s', (_, request, expected) => {
    expect(highestLive(RELEASES, { version: '2.0.0', ...request })?.version).toBe(expected);
  });

  test.each([
    ['1.9.5', {}, '1.9.0'],
    ['1.10.0', {}, '1.9.0'],
    ['2.0.0', {}, '1.10.0'],
    ['2.0.0', { channel: 'beta' }, '1.13.0-beta.1'],
    ['1.13.0-alpha', { channel: 'beta' }, '1.10.0'],
    ['1.0.0', {}, undefined],
    ['0.9.0', {}, undefined],
  ])('before %s, for %j, is %s', (version, request, expected) => {
    expect(liveBefore(RELEASES, { version, ...request })?.version).toBe(expected);
  });

  test('can be any on a server that lists neither status nor channel', () => {
    expect(highestLive([release('1.0.0'), release('1.1.0')], { version: '2.0.0' })?.version).toBe('1.1.0');
    expect(liveBefore([], { version: '2.0.0' })).toBeUndefined();
  });
});

describe('a version', () => {
  const faults = (request: Partial<ReleaseRequest>) => orderIssues({ ...REQUEST, ...request }, RELEASES);

  test.each([
    ['1.10.1', {}],
    ['1.11.0', {}],
    ['1.13.0-beta.2', { channel: 'beta' }],
    ['1.13.0', { channel: 'beta' }],
    ['1.9.5', { allowLower: true }],
  ])('%s, for %j, is higher than the live release, or allowed to be lower', (version, request) => {
    expect(faults({ version, ...request })).toEqual([]);
  });

  test.each([
    ['1.9.5', {}, '1.10.0'],
    ['1.10.0-rc.1', {}, '1.10.0'],
    ['1.12.0', { channel: 'beta' }, '1.13.0-beta.1'],
    ['1.9.5', { channel: 'beta' }, '1.13.0-beta.1'],
    ['1.10.0-rc.1', { channel: 'none-yet' }, '1.10.0'],
  ])('%s, for %j, is refused if %s is live', (version, request, live) => {
    expect(faults({ version, ...request })).toEqual([
      {
        id: 'release.lower_version',
        code: 'preflight_refused',
        message: expect.stringMatching(`${live}.* ${version}`),
        hint: expect.stringContaining('--allow-lower'),
      },
    ]);
  });

  test('is accepted as the first of an app', () => {
    expect(orderIssues(REQUEST, [release('9.0.0', { status: 'draft' })])).toEqual([]);
  });
});

describe('a key', () => {
  let folder: string;
  let keys: Record<'old' | 'new' | 'third', { id: string; signature: string }>;

  async function signedBy(key: InProcessKey, name: string) {
    const file = join(folder, name);
    await writeFile(file, 'bytes');
    const signature = (await readFile(await signInProcess(key, file), 'utf8')).trim();
    const publicKey = parsePublicKey(key.publicKey);
    if (publicKey === undefined) throw new Error('the signer makes keys that are ones');
    return { id: formatKeyId(publicKey.keyId), signature };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
    const made = ['old', 'new', 'third'].map(async (name) => [
      name,
      await signedBy(generateKeyInProcess(), name),
    ]);
    keys = Object.fromEntries(await Promise.all(made));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const live = (version: string, ...signatures: (string | null)[]): ReleaseResponse =>
    release(version, {
      status: 'published',
      signature: null,
      artifacts: signatures.map((signature) => ({ ...LINUX, file_size: 7, sha256: 'ab', signature })),
    });
  const faults = (signatures: string[], releases: ReleaseResponse[], request: Partial<ReleaseRequest> = {}) =>
    keyChangeIssues(
      { ...REQUEST, ...request },
      signatures.map((signature, i) => artifact(i === 0 ? LINUX : MAC, { signature })),
      releases,
    );

  test('is identified by its id, as the signer prints it', () => {
    expect(keyIdOf(keys.old.signature)).toBe(keys.old.id);
    expect(keys.old.id).toMatch(/^[0-9A-F]{16}$/);
    expect(keyIdOf('of another scheme')).toBeUndefined();
  });

  test('is accepted if it signed the previous release', () => {
    expect(faults([keys.old.signature, keys.old.signature], [live('1.1.0', keys.old.signature)])).toEqual([]);
  });

  test('is refused with both ids if it differs from the previous one', () => {
    const found = faults([keys.new.signature, keys.old.signature], [live('1.1.0', keys.old.signature)]);
    expect(found).toEqual([
      {
        id: 'release.key_changed',
        code: 'preflight_refused',
        message: expect.stringMatching(`${keys.new.id}.* 1\\.1\\.0 .*${keys.old.id}`),
        hint: expect.stringContaining('--allow-key-change'),
      },
    ]);
    expect(
      faults([keys.new.signature], [live('1.1.0', keys.old.signature)], { allowKeyChange: true }),
    ).toEqual([]);
  });

  test('is accepted if it is one of several of the previous release, but not a third one', () => {
    const before = [live('1.1.0', keys.old.signature, keys.new.signature)];
    expect(faults([keys.new.signature, keys.old.signature], before)).toEqual([]);
    expect(faults([keys.third.signature], before)).toMatchObject([
      {
        id: 'release.key_changed',
        message: expect.stringMatching(`${keys.third.id}.* 1\\.1\\.0 .*${keys.old.id}`),
      },
    ]);
  });

  test('is compared with the highest release that has a key', () => {
    const releases = [
      live('1.0.0', keys.new.signature),
      live('1.1.0', keys.old.signature),
      live('1.1.5', 'x', null),
    ];
    expect(faults([keys.old.signature], releases)).toEqual([]);
    expect(faults([keys.new.signature], releases)).toMatchObject([
      { id: 'release.key_changed', message: expect.stringContaining('1.1.0') },
    ]);
  });

  test('is compared with the releases that apps of the channel can have', () => {
    const beta = { ...live('1.2.0-beta.1', keys.old.signature), channel: 'beta' };
    expect(faults([keys.new.signature], [beta])).toEqual([]);
    expect(faults([keys.new.signature], [beta], { channel: 'beta' })).toHaveLength(1);
    const yanked = { ...live('1.1.0', keys.old.signature), status: 'yanked' };
    expect(faults([keys.new.signature], [yanked])).toEqual([]);
  });

  test('is read from the release’s signature on a server that stores no other', () => {
    const base = release('1.1.0', { signature: keys.old.signature });
    expect(faults([keys.old.signature], [base])).toEqual([]);
    expect(faults([keys.new.signature], [base])).toHaveLength(1);
  });

  test('is ignored if a signature on either side is not minisign’s', () => {
    expect(faults(['of another scheme'], [live('1.1.0', keys.old.signature)])).toEqual([]);
    expect(faults([keys.new.signature], [live('1.1.0', 'of another scheme')])).toEqual([]);
    expect(faults([keys.new.signature], [])).toEqual([]);
  });
});
