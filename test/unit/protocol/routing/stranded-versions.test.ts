import { describe, expect, test } from 'vitest';
import {
  type AppFiles,
  describeStranding,
  strandedVersions,
} from '../../../../src/protocol/routing/stranded-versions.ts';
import { LINUX, MAC } from '../../../support/server/store-with-app.ts';

interface Release {
  readonly version: string;
  /** The key it is signed with, and after `>` the one it carries: the same if left out, unknown if empty. */
  readonly keys: string;
  readonly requires?: string;
  readonly channel?: string;
  readonly platforms?: readonly (typeof LINUX)[];
  /** Yanked or deleted. */
  readonly isGone?: boolean;
}

function filesOf(releases: readonly Release[]): AppFiles {
  const files = releases.flatMap(
    ({ keys, platforms = [LINUX], channel = 'stable', requires, ...release }) => {
      const [signingKeyId = '', embedded = signingKeyId] = keys.split('>');
      const routing = { signingKeyId, embeddedKeyId: embedded || undefined, requires };
      return platforms.map((platform) => ({ ...release, ...routing, ...platform, channel }));
    },
  );
  return { live: files.filter(({ isGone }) => !isGone), known: files };
}

const OLD = { version: '1.0.0', keys: 'K' };
const BRIDGE = { version: '1.1.0', keys: 'K>K2' };
const NEW = { version: '1.2.0', keys: 'K2' };

function strandedBy(
  before: readonly Release[],
  after: readonly Release[],
): Record<string, readonly string[]> {
  const strandings = strandedVersions(filesOf(before), filesOf(after));
  return Object.fromEntries(strandings.map(({ platform, versions }) => [platform, versions]));
}

const BELOW = 'versions before 1.0.0';

describe('field 1: a release that strands', () => {
  test.each<[string, Release[], Release, Record<string, string[]>]>([
    ['another key without a bridge', [OLD], NEW, { 'linux-x86_64': ['1.0.0'] }],
    [
      'the old key after the bridge',
      [OLD, BRIDGE],
      { version: '1.2.0', keys: 'K' },
      { 'linux-x86_64': ['1.1.0'] },
    ],
    [
      'a bridge that one platform lacks',
      [{ ...OLD, platforms: [LINUX, MAC] }, BRIDGE],
      { ...NEW, platforms: [LINUX, MAC] },
      { 'darwin-aarch64': ['1.0.0'] },
    ],
    [
      'a stepping stone that does not exist',
      [OLD],
      { version: '2.0.0', keys: 'K', requires: '1.1.0' },
      { 'linux-x86_64': ['1.0.0'] },
    ],
    [
      'a lower release with a key that leads nowhere',
      [OLD, BRIDGE, NEW],
      { version: '1.1.5', keys: 'K' },
      { 'linux-x86_64': ['1.1.5'] },
    ],
    [
      'a stepping stone that is in another channel',
      [OLD, { version: '1.1.0', keys: 'K', channel: 'beta' }],
      { version: '2.0.0', keys: 'K', requires: '1.1.0' },
      { 'linux-x86_64': ['1.0.0'] },
    ],
  ])('%s', (_, before, release, expected) => {
    expect(strandedBy(before, [...before, release])).toMatchObject(
      Object.fromEntries(
        Object.entries(expected).map(([name, versions]) => [name, expect.arrayContaining(versions)]),
      ),
    );
  });

  test.each<[string, Release[], Release]>([
    ['the first one', [], OLD],
    ['the first one, whatever key its build carries', [], BRIDGE],
    ['a bridge', [OLD], BRIDGE],
    ['the release after the bridge', [OLD, BRIDGE], NEW],
    ['a new platform, with a key of its own', [OLD], { ...NEW, platforms: [MAC] }],
    [
      'another key, where no key is known',
      [{ version: '1.0.0', keys: 'K>' }],
      { version: '1.1.0', keys: 'K2>' },
    ],
    ['one that requires what is there', [OLD, BRIDGE], { ...NEW, requires: '1.1.0' }],
    [
      'one that strands only those who were stranded before',
      [OLD, { version: '1.1.0', keys: 'K2' }],
      { version: '1.2.0', keys: 'K2' },
    ],
  ])('is not %s', (_, before, release) => {
    expect(strandedBy(before, [...before, release])).toEqual({});
  });
});

describe('field 1: what is withdrawn', () => {
  const gone = (release: Release) => ({ ...release, isGone: true });

  test('a bridge strands the versions before it', () => {
    const after = strandedBy([OLD, BRIDGE, NEW], [OLD, gone(BRIDGE), NEW]);
    expect(after).toEqual({ 'linux-x86_64': [BELOW, '1.0.0'] });
  });

  test('a stepping stone strands the versions before it', () => {
    const next = { version: '2.0.0', keys: 'K', requires: '1.1.0' };
    const stone = { version: '1.1.0', keys: 'K' };
    expect(strandedBy([OLD, stone, next], [OLD, gone(stone), next])).toEqual({
      'linux-x86_64': [BELOW, '1.0.0'],
    });
  });

  test('the highest release, or one that others can stand in for, strands no version', () => {
    const spare = { version: '1.1.1', keys: 'K>K2' };
    expect(strandedBy([OLD, BRIDGE, NEW], [OLD, BRIDGE, gone(NEW)])).toEqual({});
    expect(strandedBy([OLD, BRIDGE, spare, NEW], [OLD, gone(BRIDGE), spare, NEW])).toEqual({});
  });
});

test('field 1: the description names versions, the release and the platforms', () => {
  const strandings = strandedVersions(
    filesOf([{ ...OLD, platforms: [LINUX, MAC] }]),
    filesOf([
      { ...OLD, platforms: [LINUX, MAC] },
      { ...NEW, platforms: [LINUX, MAC] },
    ]),
  );
  expect(describeStranding(strandings)).toBe(
    'apps on 1.0.0 would have no way to 1.2.0 (linux-x86_64, darwin-aarch64)',
  );
});
