import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  embeddedKeys,
  type KnownVersion,
  keyRanges,
  type RoutedRelease,
  sortKnown,
  stepFor,
  updateSteps,
} from '../../../../src/protocol/routing/update-steps.ts';
import { compareVersions, LOWEST_VERSION } from '../../../../src/protocol/version.ts';

interface Build extends RoutedRelease, KnownVersion {
  /** Whether it is in a channel that is not asked. */
  readonly isElsewhere?: boolean;
}

/** A release that is signed with one key, and carries the same or another one. */
function build(version: string, keys: string, requires?: string): Build {
  const [signingKeyId, embeddedKeyId = signingKeyId] = keys === '' ? [] : keys.split('>');
  return { version, signingKeyId, embeddedKeyId: keys.endsWith('>') ? undefined : embeddedKeyId, requires };
}

function stepsOf(live: readonly Build[], known: readonly Build[]) {
  return updateSteps(
    live,
    keyRanges(sortKnown(known), ({ isElsewhere = false }) => isElsewhere),
  );
}

/** The versions that an app gets to, one after the other. */
function walk(live: readonly Build[], from: string, known = live): string[] {
  const steps = stepsOf(live, known);
  const path: string[] = [];
  for (let version = from; path.length <= live.length; ) {
    const next = stepFor(steps, version)?.release?.version;
    if (next === undefined) return path;
    path.push(next);
    version = next;
  }
  throw new Error(`a loop: ${path.join(', ')}`);
}

describe('field 1: without key information', () => {
  const live = [build('1.0.0', 'K>'), build('1.1.0', 'K2>'), build('1.2.0', '')];

  test.each(['0.9.0', '1.0.0', '1.0.5', '1.1.0'])('%s is offered the highest release', (version) => {
    expect(walk(live, version)).toEqual(['1.2.0']);
  });

  test.each(['1.2.0', '1.2.0+5', '2.0.0'])('%s is offered nothing', (version) => {
    expect(walk(live, version)).toEqual([]);
  });

  test('the steps are two, however many releases there are', () => {
    const many = Array.from({ length: 300 }, (_, i) => build(`1.${i}.0`, 'K'));
    expect(stepsOf(many, many).map(({ from, release }) => [from, release?.version])).toEqual([
      [undefined, '1.299.0'],
      ['1.299.0', undefined],
    ]);
  });
});

describe('field 1: after a key rotation', () => {
  const rotated = [build('1.0.0', 'K'), build('1.1.0', 'K>K2'), build('1.2.0', 'K2')];
  const twice = [...rotated, build('1.3.0', 'K2>K3'), build('1.4.0', 'K3'), build('1.5.0', 'K3')];

  test.each([
    ['1.0.0', ['1.1.0', '1.2.0']],
    ['1.1.0', ['1.2.0']],
    ['1.2.0', []],
    ['1.0.7 counts as 1.0.0', ['1.1.0', '1.2.0']],
    ['1.1.7 counts as 1.1.0', ['1.2.0']],
    ['0.5.0 is below all, and takes what the lowest is signed with', ['1.1.0', '1.2.0']],
  ])('%s', (from, path) => {
    expect(walk(rotated, from.split(' ')[0] ?? '')).toEqual(path);
  });

  test('two rotations are walked over both bridges', () => {
    expect(walk(twice, '1.0.0')).toEqual(['1.1.0', '1.3.0', '1.5.0']);
  });

  test('a bridge that is the lowest release is offered to all older apps', () => {
    expect(walk(rotated.slice(1), '1.0.0')).toEqual(['1.1.0', '1.2.0']);
  });

  test('a bridge that was deleted is still known to apps that are on it', () => {
    const live = rotated.filter(({ version }) => version !== '1.1.0');
    expect(walk(live, '1.1.0', rotated)).toEqual(['1.2.0']);
    expect(walk(live, '1.0.0', rotated)).toEqual([]);
  });

  test('a higher release that leads no further is passed over', () => {
    expect(walk([...rotated, build('1.1.5', 'K')], '1.0.0')).toEqual(['1.1.0', '1.2.0']);
  });

  test('where nothing leads to the highest release, the one that leads furthest is offered', () => {
    const live = [build('1.0.0', 'K'), build('1.0.5', 'K'), build('1.2.0', 'K2')];
    expect(walk(live, '1.0.0')).toEqual(['1.0.5']);
  });

  test('a version without key information is taken to carry the key it is signed with', () => {
    expect(walk([build('1.0.0', 'K>'), ...rotated.slice(1)], '1.0.0')).toEqual(['1.1.0', '1.2.0']);
  });

  test('a release in an unknown signature format can be taken by all', () => {
    expect(walk([...rotated, build('1.3.0', '')], '1.0.0')).toEqual(['1.3.0']);
  });
});

describe('field 1: a version of a channel that is not asked', () => {
  const beta = { ...build('1.1.0-beta.1', 'K>K2'), isElsewhere: true };
  const live = [build('1.0.0', 'K'), build('1.1.0', 'K>K2'), build('1.2.0', 'K2')];

  test.each([
    ['1.1.0-beta.1', ['1.2.0']],
    ['1.1.0-beta.1.0', ['1.1.0', '1.2.0']],
    ['1.1.0-beta.2', ['1.1.0', '1.2.0']],
    ['1.1.0-alpha', ['1.1.0', '1.2.0']],
  ])('%s: only apps of exactly that version count as it', (from, path) => {
    expect(walk(live, from, [...live, beta])).toEqual(path);
  });
});

describe('field 1: with stepping stones', () => {
  const stones = [
    build('1.0.0', 'K'),
    build('1.1.0', 'K'),
    build('2.0.0', 'K', '1.1.0'),
    build('2.1.0', 'K', '1.1.0'),
  ];

  test.each([
    ['1.0.0', ['1.1.0', '2.1.0']],
    ['1.1.0-beta.1', ['1.1.0', '2.1.0']],
    ['1.1.0', ['2.1.0']],
    ['1.1.9', ['2.1.0']],
    ['2.0.0', ['2.1.0']],
    ['0.1.0', ['1.1.0', '2.1.0']],
  ])('%s is led over them', (from, path) => {
    expect(walk(stones, from)).toEqual(path);
  });

  test('a chain of them is walked one by one', () => {
    const chain = Array.from({ length: 6 }, (_, i) =>
      build(`1.${i}.0`, 'K', i === 0 ? undefined : `1.${i - 1}.0`),
    );
    expect(walk(chain, '1.0.0')).toEqual(['1.1.0', '1.2.0', '1.3.0', '1.4.0', '1.5.0']);
  });

  test('a version that is not known but required counts from there on', () => {
    const live = [build('1.0.0', 'K'), build('1.2.0', 'K'), build('2.0.0', 'K', '1.1.0')];
    expect(walk(live, '1.1.3')).toEqual(['2.0.0']);
    expect(walk(live, '1.0.9')).toEqual(['1.2.0', '2.0.0']);
  });
});

const VERSIONS = ['1.0.0', '1.1.0-beta.1', '1.1.0', '1.2.0', '1.3.0', '2.0.0', '2.1.0'];
const keyId = fc.option(fc.constantFrom('A', 'B', 'C'), { nil: undefined });
const history = fc
  .uniqueArray(
    fc.record({
      version: fc.constantFrom(...VERSIONS),
      signingKeyId: keyId,
      embeddedKeyId: keyId,
      requires: fc.option(fc.constantFrom(...VERSIONS, '1.1.5'), { nil: undefined }),
      isLive: fc.boolean(),
      isElsewhere: fc.boolean(),
    }),
    { selector: ({ version }) => version },
  )
  .map((builds) =>
    builds.map(({ requires, isElsewhere, ...release }) => ({
      ...release,
      isElsewhere: isElsewhere && !release.isLive,
      requires:
        requires !== undefined && compareVersions(requires, release.version) < 0 ? requires : undefined,
    })),
  );

/** The definition, by trying all paths. */
function furthest(live: readonly Build[], known: readonly Build[], version: string) {
  const keys = embeddedKeys(known).toSorted((a, b) => compareVersions(b.version, a.version));
  const here = keys.filter(({ isElsewhere }) => !isElsewhere);
  const lowest = here.at(-1) ?? keys.at(-1);
  const below = keys.some((key) => key.embeddedKeyId) ? lowest?.signingKeyId : undefined;
  const keyOf = (at: string) => {
    const nearest =
      keys.find((candidate) => compareVersions(candidate.version, at) === 0) ??
      here.find((candidate) => compareVersions(candidate.version, at) <= 0);
    return nearest === undefined ? below : nearest.embeddedKeyId;
  };
  const takeable = (at: string) =>
    live.filter(({ version: to, signingKeyId, requires }) => {
      const key = keyOf(at);
      const verifies = key === undefined || signingKeyId === undefined || key === signingKeyId;
      return (
        compareVersions(to, at) > 0 &&
        verifies &&
        (requires === undefined || compareVersions(at, requires) >= 0)
      );
    });
  const reach = (at: string): string =>
    takeable(at)
      .map((release) => reach(release.version))
      .sort(compareVersions)
      .at(-1) ?? at;
  const best = takeable(version).filter((release) => reach(release.version) === reach(version));
  return best
    .map((release) => release.version)
    .sort(compareVersions)
    .at(-1);
}

test('field 1: for any history, each version is offered what trying all paths finds', () => {
  fc.assert(
    fc.property(history, (builds) => {
      const live = builds.filter(({ isLive }) => isLive);
      const steps = stepsOf(live, builds);
      for (const version of [...VERSIONS, LOWEST_VERSION, '1.0.5', '1.1.1-0', '1.1.5', '1.1.6', '3.0.0']) {
        expect(stepFor(steps, version)?.release?.version).toBe(furthest(live, builds, version));
      }
    }),
    { numRuns: 2000 },
  );
});

describe('while a release is held', () => {
  const offered = (releases: readonly Build[], held: readonly string[], version: string) =>
    stepFor(
      updateSteps(
        releases,
        keyRanges(sortKnown(releases), () => false),
        { isHeld: (release) => held.includes(release.version) },
      ),
      version,
    )?.release?.version;

  test('the one before it is offered', () => {
    const live = [build('1.0.0', 'K'), build('1.1.0', 'K'), build('1.2.0', 'K')];
    expect(offered(live, ['1.2.0'], '1.0.0')).toBe('1.1.0');
    expect(offered(live, ['1.2.0'], '1.1.0')).toBeUndefined();
  });

  test('one that no app could leave for it is not', () => {
    const live = [build('1.0.0', 'K'), build('1.1.0', 'K>K2'), build('1.2.0', 'K')];
    expect(offered(live, [], '1.0.0')).toBe('1.2.0');
    expect(offered(live, ['1.2.0'], '1.0.0')).toBeUndefined();
  });
});
