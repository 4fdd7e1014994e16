import { existsSync, globSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchorOf, codeIn, ROOT, readText, sectionsOf } from '../../support/docs/markdown.ts';

/** The user's document has links into other documentation. */
const PAGES = globSync('docs/**/*.md', { cwd: ROOT }).filter((page) => page !== 'docs/reference/api.md');

/** What pages name already and is not there yet. Empty once `docs` is complete and `src` sorted. */
const TO_COME = [
  'docs/publishing',
  'docs/publishing/config-file.md',
  'docs/self-hosting',
  'src/cli/options/shared-options.ts',
  'src/database/database.ts',
];
const isThere = (path: string) => TO_COME.includes(path) || existsSync(join(ROOT, path));

describe.each(PAGES)('in %s', (page) => {
  const text = readText(page).replace(/^```.*?^```$/gms, '');

  test('each link leads to a file, and to a heading in it', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    for (const [link, file = '', anchor] of links) {
      const target = file === '' ? page : normalize(join(dirname(page), file));
      expect(isThere(target), `${link} leads to ${target}`).toBe(true);
      if (anchor === undefined || !target.endsWith('.md') || TO_COME.includes(target)) continue;
      const anchors = sectionsOf(readText(target)).map(({ heading }) => anchorOf(heading));
      expect(anchors, link).toContain(anchor);
    }
  });

  test('each file and folder of this repository that is named is there', () => {
    const paths = codeIn(text).filter((code) => /^(?:src|test|docs|examples|bin)\/[\w./-]+$/.test(code));
    for (const path of paths) expect(isThere(path), path).toBe(true);
  });
});
