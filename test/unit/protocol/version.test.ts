import fc from 'fast-check';
import semver from 'semver';
import { describe, expect, test } from 'vitest';
import {
  AFTER_ALL_VERSIONS,
  compareAsUpdater,
  compareVersions,
  isPrerelease,
  isVersion,
  MAX_VERSION_LENGTH,
  nextRelease,
  nextVersion,
  precedenceOf,
  suggestVersion,
  VERSION_PATTERN,
  versionOfTag,
  versionOrder,
  whyNoVersion,
} from '../../../src/protocol/version.ts';

// The two lists behind the regular expression that semver.org suggests (https://regex101.com/r/vkijKf/1/).
const VALID = [
  '0.0.4',
  '1.2.3',
  '10.20.30',
  '1.1.2-prerelease+meta',
  '1.1.2+meta',
  '1.1.2+meta-valid',
  '1.0.0-alpha',
  '1.0.0-beta',
  '1.0.0-alpha.beta',
  '1.0.0-alpha.beta.1',
  '1.0.0-alpha.1',
  '1.0.0-alpha0.valid',
  '1.0.0-alpha.0valid',
  '1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay',
  '1.0.0-rc.1+build.1',
  '2.0.0-rc.1+build.123',
  '1.2.3-beta',
  '10.2.3-DEV-SNAPSHOT',
  '1.2.3-SNAPSHOT-123',
  '1.0.0',
  '2.0.0',
  '1.1.7',
  '2.0.0+build.1848',
  '2.0.1-alpha.1227',
  '1.0.0-alpha+beta',
  '1.2.3----RC-SNAPSHOT.12.9.1--.12+788',
  '1.2.3----R-S.12.9.1--.12+meta',
  '1.2.3----RC-SNAPSHOT.12.9.1--.12',
  '1.0.0+0.build.1-rc.10000aaa-kk-0.1',
  '18446744073709551615.999999999999999999.18446744073709551615',
  '1.0.0-99999999999999999999999',
  '1.0.0+99999999999999999999999',
  '1.0.0-0A.is.legal',
];
const INVALID = [
  '1',
  '1.2',
  '1.2.3-0123',
  '1.2.3-0123.0123',
  '1.1.2+.123',
  '+invalid',
  '-invalid',
  '-invalid+invalid',
  '-invalid.01',
  'alpha',
  'alpha.beta',
  'alpha.beta.1',
  'alpha.1',
  'alpha+beta',
  'alpha_beta',
  'alpha.',
  'alpha..',
  'beta',
  '1.0.0-alpha_beta',
  '-alpha.',
  '1.0.0-alpha..',
  '1.0.0-alpha..1',
  '1.0.0-alpha...1',
  '1.0.0-alpha....1',
  '1.0.0-alpha.....1',
  '1.0.0-alpha......1',
  '1.0.0-alpha.......1',
  '01.1.1',
  '1.01.1',
  '1.1.01',
  '1.2.3.DEV',
  '1.2-SNAPSHOT',
  '1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788',
  '1.2-RC-SNAPSHOT',
  '-1.0.3-gamma+b7718',
  '99999999999999999999999.999999999999999999.99999999999999999',
  '+justmeta',
  '9.8.7+meta+meta',
  '9.8.7-whatever+meta+meta',
  '99999999999999999999999.999999999999999999.99999999999999999----RC-SNAPSHOT.12.09.1--------------------------------..12',
];

const number = fc.oneof(
  { weight: 4, arbitrary: fc.nat(2) },
  fc.nat(100),
  fc.nat(Number.MAX_SAFE_INTEGER - 1),
);
const identifier = fc.oneof(
  number.map(String),
  fc.constantFrom('a', 'b', 'A', '-', '0a', '10a', 'alpha', 'rc-1', '-1'),
);
const dotted = fc.array(identifier, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
/** Versions that often share their first parts. */
const version = fc
  .tuple(number, number, number, fc.option(dotted), fc.option(dotted))
  .map(([major, minor, patch, prerelease, build]) => {
    const core = `${major}.${minor}.${patch}`;
    return core + (prerelease === null ? '' : `-${prerelease}`) + (build === null ? '' : `+${build}`);
  })
  .filter(isVersion);

describe('isVersion', () => {
  test.each(VALID)('accepts %s', (text) => {
    expect(isVersion(text)).toBe(true);
  });

  test.each(INVALID)('refuses %s', (text) => {
    expect(isVersion(text)).toBe(false);
    // By its form, whatever its length: the schemas use the bare pattern.
    expect(new RegExp(VERSION_PATTERN).test(text)).toBe(false);
  });

  test.each([
    ['a leading v', 'v1.2.0'],
    ['a leading equals sign', '=1.2.0'],
    ['space before it', ' 1.2.0'],
    ['space after it', '1.2.0 '],
    ['a trailing line end', '1.2.0\n'],
    ['all of these', ' v1.2.0\n'],
    ['a second line', '1.2.0\n1.2.0'],
  ])('refuses a version with %s, which the semver package would clean', (_, text) => {
    expect(isVersion(text)).toBe(false);
  });

  test.each([
    ['nothing', ''],
    ['an empty pre-release', '1.2.0-'],
    ['empty build metadata', '1.2.0+'],
    ['an empty number', '1..0'],
    ['a fourth number', '1.2.0.0'],
    ['a negative number', '1.-2.0'],
    ['a hexadecimal number', '0x1.2.0'],
    ['digits of another script', '1.2.\u0663'],
    ['a letter outside ASCII', '1.2.0-b\u00eata'],
    ['a NUL', '1.2.0\0'],
    ['a slash', '1.2.0-a/b'],
    ['an encoded plus', '1.2.0%2B1'],
  ])('refuses %s', (_, text) => {
    expect(isVersion(text)).toBe(false);
  });

  test('accepts a version of the greatest length and refuses one character more', () => {
    const longest = `1.2.0-${'a'.repeat(MAX_VERSION_LENGTH - 6)}`;
    expect(longest).toHaveLength(64);
    expect(isVersion(longest)).toBe(true);
    expect(isVersion(`${longest}a`)).toBe(false);
  });
});

describe('precedenceOf', () => {
  test.each([
    ['1.2.0', '1.2.0'],
    ['1.2.0+build.1', '1.2.0'],
    ['1.2.0-rc.1+build-2', '1.2.0-rc.1'],
    ['1.2.0-rc-1', '1.2.0-rc-1'],
  ])('of %s is %s', (version, precedence) => {
    expect(precedenceOf(version)).toBe(precedence);
  });
});

describe('isPrerelease', () => {
  test.each([
    ['1.2.0-rc.1', true],
    ['1.2.0-0', true],
    ['1.2.0--', true],
    ['1.2.0-rc.1+build', true],
    ['1.2.0', false],
    ['1.2.0+build', false],
    ['1.2.0+build-1', false],
  ])('of %s is %s', (version, expected) => {
    expect(isPrerelease(version)).toBe(expected);
  });
});

/** Every pair of an ascending list, the earlier one first. */
function ascendingPairs(versions: readonly string[]): [string, string][] {
  return versions.flatMap((a, i) => versions.slice(i + 1).map((b): [string, string] => [a, b]));
}

describe('compareVersions', () => {
  test.each(
    ascendingPairs([
      // SemVer 11.2 and 11.4, the specification's own chains joined
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '2.0.0',
      '2.1.0',
      '2.1.1',
    ]),
  )('puts %s before %s', (a, b) => {
    expect(compareVersions(a, b)).toBeLessThan(0);
    expect(compareVersions(b, a)).toBeGreaterThan(0);
  });

  test.each([
    ['numbers as numbers, not as text', '1.9.0', '1.10.0'],
    ['numeric identifiers as numbers', '1.0.0-rc.9', '1.0.0-rc.10'],
    ['a numeric identifier before an alphanumeric one', '1.0.0-999', '1.0.0--'],
    ['an identifier with a digit in front as text', '1.0.0-10a', '1.0.0-9a'],
    ['upper case before lower case', '1.0.0-RC', '1.0.0-rc'],
    ['a pre-release of the next version after this one', '1.0.0', '1.0.1-0'],
    ['core numbers past 2^53', '9007199254740992.0.0', '9007199254740993.0.0'],
    ['core numbers of different length past 2^53', '1.9999999999999999999.0', '1.10000000000000000000.0'],
    ['pre-release numbers past 2^53', '1.0.0-9007199254740992', '1.0.0-9007199254740993'],
    [
      'pre-release numbers of different length past 2^53',
      '1.0.0-a.99999999999999999999',
      '1.0.0-a.100000000000000000000',
    ],
    ['a number past 2^53 before an alphanumeric identifier', '1.0.0-99999999999999999999', '1.0.0-a'],
  ])('orders %s', (_, a, b) => {
    expect([a, b].every(isVersion)).toBe(true);
    expect(compareVersions(a, b)).toBeLessThan(0);
    expect(compareVersions(b, a)).toBeGreaterThan(0);
  });

  test.each([
    ['1.2.0', '1.2.0'],
    ['1.2.0+1', '1.2.0+2'],
    ['1.2.0-rc.1+a-b', '1.2.0-rc.1'],
    ['9007199254740993.0.0', '9007199254740993.0.0+b'],
  ])('gives %s and %s equal precedence', (a, b) => {
    expect(compareVersions(a, b)).toBe(0);
    expect(compareVersions(b, a)).toBe(0);
  });

  // Few distinct values, so that long common beginnings and equal versions come up.
  test('agrees with the semver package on numbers it can hold', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(semver.compare(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  test('is antisymmetric, and zero exactly at equal precedence', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        expect(compareVersions(a, b) === 0).toBe(precedenceOf(a) === precedenceOf(b));
      }),
      { numRuns: 2000 },
    );
  });

  test('is transitive', () => {
    fc.assert(
      fc.property(version, version, version, (...three) => {
        const [a, b, c] = three.sort(compareVersions);
        expect(compareVersions(a, b)).toBeLessThanOrEqual(0);
        expect(compareVersions(b, c)).toBeLessThanOrEqual(0);
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('nextRelease', () => {
  test.each([
    ['1.2.0', '1.2.1'],
    ['1.2.9', '1.2.10'],
    ['0.0.0', '0.0.1'],
    ['1.2.0+7', '1.2.1'],
    ['1.3.0-beta.1', '1.3.0'],
    ['1.3.0-0+x', '1.3.0'],
    ['1.2.9007199254740993', '1.2.9007199254740994'],
  ])('of %s is %s', (current, next) => {
    expect(nextRelease(current)).toBe(next);
  });

  test('is a higher version, and no pre-release', () => {
    fc.assert(
      fc.property(version, (current) => {
        const next = nextRelease(current);
        expect(isVersion(next) && !isPrerelease(next)).toBe(true);
        expect(compareVersions(next, current)).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('field 5: a git tag', () => {
  test.each([
    ['1.2.0', '1.2.0'],
    ['v1.2.0', '1.2.0'],
    ['V1.2.0', '1.2.0'],
    ['1.2.0\n', '1.2.0'],
    ['  v1.2.0-rc.1+7  ', '1.2.0-rc.1+7'],
    ['refs/tags/v1.2.0', '1.2.0'],
    ['refs/tags/app-v1.2.0-beta.1', '1.2.0-beta.1'],
    ['app-v1.2.0', '1.2.0'],
    ['app-v1.2.0-beta.1', '1.2.0-beta.1'],
    ['desktop-v1.3.0-nightly.20260101', '1.3.0-nightly.20260101'],
    ['app-1.2.0', '1.2.0'],
    ['app_v1.2.0', '1.2.0'],
    ['app/v1.2.0', '1.2.0'],
    ['apps/desktop/v1.2.0', '1.2.0'],
    ['release-1.2.0', '1.2.0'],
    ['release/v1.2.0', '1.2.0'],
    ['app@1.2.0', '1.2.0'],
    ['my-app@1.0.0-rc.0', '1.0.0-rc.0'],
    ['@scope/app@1.2.0', '1.2.0'],
    ['@scope/app@1.2.0-beta.1.2', '1.2.0-beta.1.2'],
    ['app2-v1.2.0', '1.2.0'],
    ['beta@1.2.0', '1.2.0'],
    ['nightly-v1.3.0-nightly.1', '1.3.0-nightly.1'],
    ['1.2.0-1.3.0', '1.2.0-1.3.0'], // a pre-release by semver
  ])('%j has the version %s', (tag, version) => {
    expect(versionOfTag(tag)).toBe(version);
  });

  test.each([
    'main',
    'refs/heads/v1.2.0',
    'refs/heads/release/1.2.0',
    'refs/pull/12/merge',
    'app-1.2.0-2.0.0', // 2.0.0, or the pre-release 1.2.0-2.0.0
    'app-v1.2.0-v1.3.0-1.4.0',
    'app-2.0-1.3.0',
    'app-v2-1.3.0',
    '20260101-1.2.0',
    'beta-1.2.0',
    'app-nightly-v1.2.0',
    'rc/1.2.0',
    'appv1.2.0',
    'app 1.2.0',
    '1.2',
    'app-v1.2',
    '1.2.0.4',
    '1.2.0~rc1',
    '1.2.0-beta_1',
    '1.2.0-rc.01',
    '1.0.2.dev660',
    '2.0.5b1',
    'v01.2.0',
    '',
  ])('%j has none that is certain', (tag) => {
    expect(versionOfTag(tag)).toBeUndefined();
  });

  test('is read like the version that it was made of', () => {
    const identifier = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
    const version = fc
      .tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.option(identifier))
      .map(([a, b, c, pre]) => `${a}.${b}.${c}${pre === null ? '' : `-${pre}`}`);
    const prefix = fc.constantFrom(
      '',
      'v',
      'app-v',
      'app-',
      'app@',
      '@scope/app@',
      'refs/tags/v',
      'apps/desktop/v',
    );
    fc.assert(fc.property(prefix, version, (name, text) => versionOfTag(name + text) === text));
  });
});

describe('field 5: the version that was probably meant', () => {
  test.each([
    ['1.2', '1.2.0'],
    ['v1', '1.0.0'],
    ['1.2-beta.1', '1.2.0-beta.1'],
    ['vv1.2.0', '1.2.0'],
    ['App 1.2.0-rc.1', '1.2.0-rc.1'],
    ['appv1.2.0', '1.2.0'],
  ])('by %s is %s', (text, version) => {
    expect(suggestVersion(text)).toBe(version);
  });

  test.each([
    '1.0.2.dev660',
    'v0.31.1.dev20260709',
    '2.0.5b1',
    '1.2.0~rc1',
    '1.2.0-beta_1',
    '1.2.0-rc.01',
    '1.2.0.4',
    '0.44.0.5',
    '26.06.0',
    'beta-1.2.0',
    'app-1.2.0-2.0.0',
    'main',
    'nightly',
    '',
  ])('by %j is not guessed, because something could be lost', (text) => {
    expect(suggestVersion(text)).toBeUndefined();
  });
});

describe('field 14: versions sort by a text as they do by precedence', () => {
  const number = fc.oneof(
    fc.nat(12).map(String),
    fc.bigInt(0n, 2n ** 64n).map(String),
    fc.bigInt(10n ** 20n, 10n ** 28n).map(String),
  );
  const identifier = fc.oneof(number, fc.stringMatching(/^[0-9A-Za-z-]{0,3}[A-Za-z-][0-9A-Za-z-]{0,2}$/));
  const version = fc
    .record({
      core: fc.oneof(
        fc.constantFrom('1.0.0', '1.2.3'),
        fc.tuple(number, number, number).map((all) => all.join('.')),
      ),
      prerelease: fc.array(identifier, { maxLength: 3 }),
      build: fc.constantFrom('', '+1', '+b.2'),
    })
    .map(
      ({ core, prerelease, build }) =>
        core + (prerelease.length > 0 ? `-${prerelease.join('.')}` : '') + build,
    )
    .filter(isVersion);
  const bytewise = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

  test('of any two versions', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const order = bytewise(versionOrder(a), versionOrder(b));
        expect(Math.sign(order)).toBe(Math.sign(compareVersions(a, b)));
        expect(bytewise(versionOrder(a), AFTER_ALL_VERSIONS)).toBe(-1);
      }),
      { numRuns: 5000 },
    );
  });

  test('of a version and the next one, with nothing between', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [before, next, other] = [a, nextVersion(a), b].map(versionOrder);
        const isBetween = bytewise(before ?? '', other ?? '') < 0 && bytewise(other ?? '', next ?? '') < 0;
        expect(isBetween).toBe(false);
      }),
    );
  });
});

describe('attack M3: a number that Rust cannot read', () => {
  const MAX = 2n ** 64n - 1n;
  const places = ['major', 'minor', 'patch'];

  test('makes no version, in any place, and the limit is exact', () => {
    const near = fc.bigInt({ min: MAX - 1000n, max: MAX + 1000n });
    const numbers = fc.oneof(near, fc.bigInt({ min: 0n, max: 2n ** 66n }), fc.bigInt({ min: 0n, max: 100n }));
    fc.assert(
      fc.property(numbers, fc.nat(2), (number, place) => {
        const text = places.map((_, at) => (at === place ? number : 1)).join('.');
        expect(isVersion(text)).toBe(number <= MAX);
        expect(isVersion(`${text}-rc.1+5`)).toBe(number <= MAX);
      }),
    );
  });

  test('every number of 19 digits is accepted, and none of 21', () => {
    expect(isVersion('9999999999999999999.1.1')).toBe(true);
    expect(isVersion('100000000000000000000.1.1')).toBe(false);
  });

  test('is named as the reason', () => {
    expect(whyNoVersion(`1.${MAX + 1n}.0`)).toContain(String(MAX));
    expect(whyNoVersion('1.2')).toBe('is not strict semver (X.Y.Z)');
    expect(whyNoVersion(`1.2.0-${'a'.repeat(64)}`)).toBe('is longer than 64 characters');
  });
});

test("build metadata is ordered as in the documentation of Rust's semver", () => {
  const inOrder = [
    '1.0.0-rc.1+9',
    '1.0.0',
    ...'0 00 1 01 001 2 02 002 10 a a.0 a.1 b'.split(' ').map((b) => `1.0.0+${b}`),
    '1.0.1',
  ];
  for (const [i, a] of inOrder.entries()) {
    for (const [j, b] of inOrder.entries()) {
      expect(Math.sign(compareAsUpdater(a, b)), `${a} and ${b}`).toBe(Math.sign(i - j));
    }
  }
});
