import { describe, expect, test } from 'vitest';
import { type ChangelogResult, changelogSection } from '../../../../src/tauri/changelog/changelog-section.ts';

const NAMES = ['Note Taker'];
const section = (markdown: string, version = '1.2.0') => changelogSection(markdown, version, NAMES);
const found = (notes: string): ChangelogResult => ({ kind: 'found', notes });

/** A changelog with a section before, that of 1.2.0 with one line, and one behind. */
function changelogWith(heading: string): string {
  const older = heading.replaceAll('1.2', '1.1').replaceAll('01.02', '01.01');
  return `# Changelog\n\n## Unreleased\n\n- soon\n\n${heading}\n\n- good\n\n${older}\n\n- old\n`;
}

const KEPT = `# Changelog

## [Unreleased]

- soon

## [1.2.0] - 2026-01-31

### Added

- pins

\`\`\`md
## [1.1.0] is not here
\`\`\`

## [1.1.0] - 2025-12-01

- search

[1.2.0]: https://example.com/1.2.0
[1.1.0]: https://example.com/1.1.0
`;

describe("field 6: a version's section of a changelog", () => {
  test('ends at the next heading of its level, but not at one in code', () => {
    expect(section(KEPT)).toEqual(found('### Added\n\n- pins\n\n```md\n## [1.1.0] is not here\n```'));
  });

  test('of the last version is without the links at the end', () => {
    expect(section(KEPT, '1.1.0')).toEqual(found('- search'));
  });

  describe('is found under a heading as tools write it:', () => {
    test.each([
      ['keep-a-changelog', '## [1.2.0] - 2026-01-31'],
      ['keep-a-changelog, withdrawn', '## [1.2.0] - 2026-01-31 [YANKED]'],
      ['changesets', '## 1.2.0'],
      ['changesets, of a package', '## @scope/note-taker@1.2.0'],
      ['conventional-changelog', '## [1.2.0](https://example.com/compare/v1.1.0...v1.2.0) (2026-01-31)'],
      ['conventional-changelog, a patch', '## <small>1.2.0 (2026-01-31)</small>'],
      ['conventional-changelog, with an anchor', '<a name="1.2.0"></a>\n## 1.2.0 (2026-01-31)'],
      ['conventional-changelog, with a title', '# [1.2.0](https://example.com) "codename" (2026-01-31)'],
      ['standard-version, a patch', '### [1.2.0](https://example.com) (2026-01-31)'],
      ['release-please, of a component', '## note-taker: 1.2.0'],
      ['covector', '## \\[1.2.0]'],
      ['git-cliff', '## [1.2.0] - 2026-01-31'],
      ['git-cliff, with an emoji', '## 🚀 [1.2.0]'],
      ['lerna', '# [1.2.0](https://example.com/compare/v1.1.0...v1.2.0) (2026-01-31)'],
      ['towncrier', '# Note Taker 1.2.0 (2026-01-31)'],
      ['towncrier, underlined', 'Note Taker 1.2.0 (2026-01-31)\n============================='],
      ['History.md', '1.2.0 / 2026-01-31\n=================='],
      ['Node.js', '## 2026-01-31, Version 1.2.0 (Current), @releaser'],
      ['calens', '# Changelog for note-taker 1.2.0 (2026-01-31)'],
    ])('%s', (_, heading) => {
      expect(section(changelogWith(heading))).toEqual(found('- good'));
    });
  });

  describe('is found under a heading as people write it:', () => {
    test.each([
      ...['## v1.2.0', '## V1.2.0', '## v 1.2.0', '## v(1.2.0)', '## (1.2.0)', '## [v1.2.0]', '## [ 1.2.0 ]'],
      ...[
        '## 1.2.0:',
        '## 1.2.0.',
        '## 1.2.0, 2026-01-31',
        '## 1.2.0 ##',
        '#\t1.2.0',
        '##1.2.0',
        '## #1.2.0',
      ],
      ...['## **1.2.0**', '## *1.2.0*', '## `1.2.0`', '## ~~1.2.0~~', '## [`1.2.0`](https://example.com)'],
      ...['## Version 1.2.0', '## Version 1.2: Pins', '## Ver.1.2.0', '## Release 1.2.0', '## Release-1.2.0'],
      ...['## app-v1.2.0', '## note-taker@1.2.0', '## note-taker/v1.2.0', '## Note Taker 1.2.0 is here!'],
      ...['## refs/tags/v1.2.0', '## tag: v1.2.0', '## Changelog 1.2.0', '## Release notes for v1.2.0'],
      ...[
        "## What's new in 1.2.0",
        '## What’s new in Version 1.2.0',
        '## Changes in 1.2.0',
        '## Update 1.2.0',
      ],
      ...[
        '## 🎉 1.2.0',
        '## :rocket: 1.2.0',
        '## v1.2.0 🎉',
        '## → 1.2.0',
        '## ![new](x.svg) 1.2.0',
        '## 【1.2.0】',
      ],
      ...[
        '## 2026-01-31 1.2.0',
        '## 31.01.2026: 1.2.0',
        '## 1.2.0 (31.01.2026)',
        '## 31 January 2026 – 1.2.0',
      ],
      ...[
        '## 1.2.0 — Firefly',
        '## Firefly (1.2.0)',
        '## 1.2.0 (Tauri 2.1.0)',
        '## 1.2.0: now on Tauri 2.10.0',
      ],
      ...[
        '## 1.2.0+45',
        '## 1.2.0-2026-01-31',
        '## 1.2.0 (2026-01-31T10:20:30.123Z)',
        '## 01.02.00',
        '## v1.2',
      ],
      ...[
        '## 1.2.0 and 1.1.9',
        '## 1.2.0 / 1.2.1',
        '## [1.2.0] - Unreleased',
        '## 1.2.0 (not yet on all systems)',
      ],
      ...['## 1.2.0 https://example.com/compare/v1.1.0...v1.2.0', '## <a id="x"></a>1.2.0 <!-- latest -->'],
      ...['**1.2.0**', '**1.2.0** (2026-01-31)', '__v1.2.0__', '1.2.0', 'v1.2.0 (2026-01-31)'],
      ...['<h2>1.2.0</h2>', '<h2 align="center">v1.2.0</h2>', '<details>\n<summary>1.2.0</summary>'],
      ...['## ＶＥＲＳＩＯＮ 1.2.0', '## 版本 1.2.0', '## Версия 1.2.0'],
    ])('%s', (heading) => {
      expect(section(changelogWith(heading))).toEqual(found('- good'));
    });
  });

  describe('is not taken from', () => {
    test.each([
      ...[
        '## 1.2.1',
        '## 11.2.0',
        '## 1.2.01',
        '## 1.2.0.1',
        '## 1.2.x',
        '## 1.2.0x',
        '## es1.2.0x',
        '## 21.2.0',
      ],
      ...['## 1.2.0-beta.1', '## 1.2.0rc1', '## 1.2.0-rc.1+b', '## v1.2.0-SNAPSHOT', '## 0.1.2.0'],
      ...['## Unreleased', '## [Unreleased] 1.2.0', '## Upcoming: 1.2.0', '## Unreleased (since 1.2.0)'],
      ...['## Migrating from 1.2.0', '## Upgrading to 1.2.0', '## Changes since 1.2.0', '## Before 1.2.0'],
      ...['## 1.2.0 to 1.3.0', '## 1.1.0...1.2.0', '## 1.1.0 → 1.2.0', '## 1.0.0 – 1.2.0', '## 1.2.0-1.3.0'],
      ...['<!-- ## 1.2.0 -->', '<!--\n## 1.2.0\n-->', '```\n## 1.2.0\n```', '~~~md\n## 1.2.0\n~~~'],
      ...['````md\n```\n## 1.2.0\n```\n````', '    ## 1.2.0', '> ## 1.2.0', '1.2.0 is here', '\\## 1.2.0'],
    ])('%j', (heading) => {
      const result = section(`# Changelog\n\n${heading}\n\n- wrong\n\n## 1.1.0\n\n- old\n`);
      expect(result.kind).toBe('missing');
    });
  });

  test.each([
    ['1.2.0+45', '1.2.0+45', '- 45'],
    ['1.2.0+44', '1.2.0+44', '- 44'],
    ['1.2.0', '1.2.0 without a build number', '- plain'],
    ['1.2.0-rc.1', 'a pre-release', '- rc'],
    ['1.2.0-rc.2', 'a pre-release in words', '- words'],
    ['1.2.0-beta.1', 'a pre-release of Python', '- python'],
  ])('of %s is that of %s alone', (version, _, notes) => {
    const text = [
      ['1.2.0+45', '- 45'],
      ['1.2.0+44', '- 44'],
      ['1.2.0', '- plain'],
      ['1.2.0 (Release Candidate 2)', '- words'],
      ['1.2.0-rc.1', '- rc'],
      ['1.2.0beta1', '- python'],
    ].map(([heading, line]) => `## ${heading}\n${line}\n`);
    expect(section(text.join('\n'), version)).toEqual(found(notes));
  });

  test('of a release is not that of its candidates, unless there is only one', () => {
    const candidate = (number: number) => `## 1.2.0 (Release Candidate ${number})\n- ${number}\n`;
    expect(section(candidate(2) + candidate(1)).kind).toBe('missing');
    expect(section(candidate(1))).toEqual(found('- 1'));
  });
});

describe('field 6: the end of a section', () => {
  test.each([
    [
      'an older version, deeper, as tools write patches',
      '# 1.2.0\n\n- a\n\n## 1.1.9 (2026-01-31)\n\n- b\n',
      '- a',
    ],
    ['an underlined heading', '1.2.0\n=====\n\n- a\n\n1.1.0\n=====\n\n- b', '- a'],
    ['"Unreleased" below', '## 1.2.0\n- a\n\n## Unreleased\n- b', '- a'],
    [
      '"Unreleased" above, which mentions it',
      '## Unreleased\n### 1.2.0 must be installed first\n- b\n\n## 1.2.0\n- a',
      '- a',
    ],
    ['what is about all versions', '## 1.2.0\n- a\n\n## Older versions\n\nSee there.', '- a'],
    ['another package', '# note-taker\n## 1.2.0\n- a\n\n# other\n\n## 1.1.0\n- b', '- a'],
    ['a heading without a blank', '##1.2.0\n- a\n##1.1.0\n- b', '- a'],
    [
      'the last of the lines that are underlined',
      '1.2.0\n-----\n- a\n\nend\n1.1.0\n-----\n- b',
      '- a\n\nend',
    ],
    ['a bold line', '**1.2.0**\n\n### Fixed\n- a\n\n**1.1.0**\n\n### Fixed\n- b', '### Fixed\n- a'],
    [
      'a fold',
      '<details open>\n<summary>1.2.0</summary>\n\n- a\n</details>\n<details>\n<summary>1.1.0</summary>\n\n- b\n</details>',
      '- a',
    ],
    ['a rule and an anchor', '## 1.2.0\n- a\n\n---\n\n<a name="1.1.0"></a>\n## 1.1.0\n- b', '- a'],
    ['a line break of old Macs', '## 1.2.0\r\r- a\r\r## 1.1.0\r- b', '- a'],
  ])('is %s', (_, markdown, notes) => {
    expect(section(markdown)).toEqual(found(notes));
  });

  test.each([
    [
      'sub-headings that contain versions',
      '### 1.1.0 to 1.2.0 migration\n\n- x\n\n### 1.1.0 API\n\n### Tauri 2.10.0\n\n- y',
    ],
    [
      "GitHub's generated notes",
      "## What's Changed\n* a\n\n## New Contributors\n* b\n\n**Full Changelog**: https://example.com/compare/v1.1.0...v1.2.0",
    ],
    ['headings of the same level', 'Intro.\n\n## Features\n\n* a\n\n## Bug Fixes\n\n* b'],
    ['what else is about the version', '- a\n\n## Known issues in 1.2.0\n\n- b'],
    ['fences of any length', '````md\n```\n## 1.1.0\n```\n````\n\n~~~~\n~~~\n## 1.1.0\n~~~~\n\nend'],
    ['an indented beginning', '    code\n\ntext'],
    ['a fold of its own', '<details>\n<summary>More</summary>\n\n- a\n\n</details>'],
    ['bold text about another version', '**1.1.0 users**: read this.\n\n**Since 1.0.0** it is new.'],
  ])('is not %s', (_, notes) => {
    const older = '## 1.1.0\n\n- old\n';
    expect(section(`# Changelog\n\n## 1.2.0\n\n${notes}\n\n${older}`)).toEqual(found(notes));
  });

  test('of a patch is not the heading of its first part, on the same level', () => {
    const markdown =
      '### [1.2.0](u) (2026-01-31)\n\n\n### Bug Fixes\n\n* a\n\n## [1.1.0](u)\n\n### Features\n\n* b';
    expect(section(markdown)).toEqual(found('### Bug Fixes\n\n* a'));
  });

  test('below a heading for a line of versions is that of each version', () => {
    const markdown = '# 1.2\n\n## 1.2.1 – small\n- s\n\n## 1.2.0 – big\n- b\n\n# 1.1\n- o';
    expect(section(markdown)).toEqual(found('- b'));
  });
});

describe('field 6: the text of a section', () => {
  test('is all of it where a version has several, also if the first is empty', () => {
    const markdown = '## 1.2.0\n\n## 1.1.0\n- old\n\n## [1.2.0]\n\n- a\n\n## v1.2.0\n\n- b\n';
    expect(section(markdown)).toEqual(found('- a\n\n- b'));
  });

  test('has no comments, and is empty if it has only these', () => {
    expect(section('## 1.2.0\n\n<!-- how\nto -->\n- a\n\n<!-- end --> <!-- of it -->\n')).toEqual(
      found('- a'),
    );
    expect(section('## 1.2.0\n\n<!-- nothing yet -->\n\n## 1.1.0\n- b')).toEqual({ kind: 'empty' });
    expect(section('## 1.2.0\n\n\n## 1.1.0\n- b')).toEqual({ kind: 'empty' });
  });

  test('keeps the definitions of the links that it uses, wherever they are, its own before others', () => {
    const markdown = [
      '## [1.2.0]\n\n- see [#1], [the text][b] and [Two Words]; [gone]; `[code]`\n',
      '[b]: https://example.com/own\n[unused]: https://example.com/unused\n',
      '## 1.1.0\n',
      '[b]: https://example.com/old\n[#1]: https://example.com/1\n  "title"\n[two  words]: <https://example.com/2>',
      '[1.2.0]: https://example.com/compare\n[code]: https://example.com/code',
    ].join('\n');
    expect(section(markdown)).toEqual(
      found(
        '- see [#1], [the text][b] and [Two Words]; [gone]; `[code]`\n\n[b]: https://example.com/own\n' +
          '[#1]: https://example.com/1\n  "title"\n[two  words]: <https://example.com/2>',
      ),
    );
  });
});

describe('field 6: a changelog of several packages', () => {
  const packages = (...headings: string[]) =>
    headings.map((heading) => `## ${heading}\n- ${heading}\n`).join('\n');

  test.each([
    ['api@1.2.0', 'note-taker@1.2.0', 'web@1.2.0'],
    ['api 1.2.0', 'Note Taker 1.2.0', 'web 1.2.0'],
    ['@scope/api@1.2.0', '@scope/note-taker@1.2.0', '@other/note-taker2@1.2.0'],
  ])("has the app's by its name: %s, %s", (...headings) => {
    expect(section(packages(...headings))).toEqual(found(`- ${headings[1]}`));
  });

  test.each([
    ['the one that is called app', packages('lib-v1.2.0', 'app-v1.2.0'), '- app-v1.2.0'],
    ['the one without a name', packages('1.2.0', 'lib@1.2.0'), '- 1.2.0'],
  ])('has, where no name is its own, %s', (_, markdown, notes) => {
    expect(section(markdown)).toEqual(found(notes));
  });

  test.each(['app', 'desktop', 'notes'])('is not that of %s if another one is its own', (name) => {
    const markdown = packages(`${name}@1.2.0`, 'note-taker@1.2.0');
    expect(section(markdown)).toEqual(found('- note-taker@1.2.0'));
  });

  test('has it by the heading above', () => {
    const markdown = '# api\n\n## 1.2.0\n- api\n\n# Note Taker\n\n## 1.2.0\n- mine\n';
    expect(section(markdown)).toEqual(found('- mine'));
  });

  test.each([
    ['none is known to be the app', packages('api@1.2.0', 'web@1.3.0')],
    ["the app's has other versions", packages('api@1.2.0', 'note-taker@1.3.0')],
    ['none of the headings above is', '# api\n\n## 1.2.0\n- api\n\n# web\n\n## 1.2.0\n- web\n'],
  ])('gives no notes where %s', (_, markdown) => {
    expect(section(markdown)).toMatchObject({ kind: 'ambiguous' });
  });

  test('of one package, whatever its name, is the app', () => {
    expect(section(packages('restful 1.2.0', 'restful 1.1.0'))).toEqual(found('- restful 1.2.0'));
  });
});

test('field 6: a changelog without the version names the versions that are like it', () => {
  const markdown = ['Unreleased', '2.0.0', '1.3.0-rc.1', '1.1.1', '1.1.0', '0.9.0'].map(
    (name) => `## ${name}\n- a\n`,
  );
  expect(section(markdown.join('\n'), '1.1.2')).toEqual({
    kind: 'missing',
    nearest: ['1.1.1', '1.1.0', '1.3.0-rc.1'],
  });
  expect(section('')).toEqual({ kind: 'missing', nearest: [] });
});

describe('field 6: a changelog of half a MiB is read in time that grows with its length alone:', () => {
  const LENGTH = 2 ** 19;
  const filled = (part: string) => part.repeat(Math.floor(LENGTH / part.length));

  test.each([
    ['a heading of blanks', `# ${' '.repeat(LENGTH)}\rx`],
    ['a heading of digits', `# ${filled('1.')}`],
    ['headings of digits', filled(`# ${'1.'.repeat(140)}\n`)],
    ['headings of words', filled(`# ${'v1.2-a '.repeat(40)}\n`)],
    ['sections of the version', filled('## 1.2.0\n\n- a\n\n')],
    ['sections with definitions', filled('## 1.2.0\n[a]: b\n')],
    ['definitions', Array.from({ length: 15_000 }, (_, i) => `[a${i}]: https://example.com`).join('\n')],
    ['a section of brackets', `## 1.2.0\n\n${filled('[a')}\n\n[a]: b`],
    ['a section of emphasis', `## 1.2.0\n\n${filled('*a **b ')}\n\n[a]: b`],
    ['folds', `## 1.2.0\n${filled('</details>\n\n')}`],
    ['anchors', `## 1.2.0\n${filled('<a name="x">\n\n')}`],
    ['rules', `## 1.2.0\n${filled('---\n')}`],
    ['comments that are open', filled('<!-- \n\n')],
    ['comments', filled('<!--a-->\n\n')],
    ['comments in one line', `## 1.2.0\n${filled('<!--a-->')}`],
    ['fences', filled('```\n')],
    ['lists in lists', filled('- ')],
    ['quotes in quotes', filled('> ')],
    ['bold lines', filled('**1.2.0\n')],
    ['lines of versions', filled('1.1.0\n')],
    ['headings of HTML', filled('<h2>1.2.0</h2>\n')],
    ['headings of HTML that are open', filled('<h2><h2><h2>')],
    ['underlined lines', filled('a\n1.1.0\n---\n')],
    ['line breaks', filled('\n')],
  ])('%s', (_, markdown) => {
    expect(['found', 'empty', 'missing', 'ambiguous']).toContain(section(markdown).kind);
  });
});
