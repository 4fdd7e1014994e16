import { describe, expect, test } from 'vitest';
import { changelogSection } from '../../../../src/tauri/project/changelog-section.ts';

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

describe("a version's section of a changelog", () => {
  test('ends at the next heading of its level, but not at one in code', () => {
    expect(changelogSection(KEPT, '1.2.0')).toBe('### Added\n\n- pins\n\n```md\n## [1.1.0] is not here\n```');
  });

  test('of the last version is without the links at the end', () => {
    expect(changelogSection(KEPT, '1.1.0')).toBe('- search');
  });

  test.each([
    '## [1.2.0] - 2026-01-31',
    '## 1.2.0',
    '## v1.2.0',
    '## [v1.2.0]',
    '# 1.2.0 (2026-01-31)',
    '### [1.2.0](https://example.com) (2026-01-31)',
    '## 1.2.0 ',
  ])('is found under "%s"', (heading) => {
    expect(changelogSection(`# Log\r\n\r\n${heading}\r\n\r\n- a\r\n- b\r\n`, '1.2.0')).toBe('- a\n- b');
  });

  test('ends at an older version, whatever the level of its heading', () => {
    expect(changelogSection('# 1.2.0\n\n- a\n\n## 1.1.9\n\n- b\n', '1.2.0')).toBe('- a');
  });

  test.each([
    ['another version', '## 1.2.1\n- a'],
    ['a version it only begins with', '## 1.2.0-beta.1\n- a'],
    ['a version in the text', '## News\n1.2.0 is here'],
    ['an empty section', '## 1.2.0\n\n\n## 1.1.0\n- a'],
    ['nothing', ''],
  ])('is missing in %s', (_, markdown) => {
    expect(changelogSection(markdown, '1.2.0')).toBeUndefined();
  });
});
