import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { proseIn } from '../../support/docs/markdown.ts';
import { PAGES, ROOT, readText } from '../../support/docs/pages.ts';

/** Where Markdown and HTML link to, in one text. */
function linksIn(text: string): string[] {
  const prose = proseIn(text).replaceAll(/`[^`]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)].map(
    ([, link, image]) => link ?? image ?? '',
  );
}

/** The anchors that GitHub makes of the headings of a page, and those that it sets itself. */
function anchorsIn(text: string): Set<string> {
  const prose = proseIn(text);
  const headings = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
  const set = [...prose.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name = '']) => name);
  return new Set([...headings, ...set]);
}

/** What is wrong with a link, if anything is. */
function fault(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (target.startsWith('..') || !existsSync(join(ROOT, target))) return `${link}: there is no ${target}`;
  if (anchor === undefined || !target.endsWith('.md') || anchorsIn(readText(target)).has(anchor))
    return undefined;
  return `${link}: ${target} has no heading of that name`;
}

/** The API's own document, kept as it is: it links to pages that are not here. */
const AS_IT_IS = 'docs/reference/api.md';

const LINKED = PAGES.filter(({ path }) => path !== AS_IT_IS);

describe.each([...LINKED, { path: 'CHANGELOG.md', text: readText('CHANGELOG.md') }])(
  '$path',
  ({ path, text }) => {
    test('links to pages and headings that exist', () => {
      const inside = linksIn(text).filter((link) => !/^[a-z]+:/.test(link));
      expect(inside.flatMap((link) => fault(path, link) ?? [])).toEqual([]);
    });
  },
);

test('the index lists every page of the docs', () => {
  const listed = linksIn(readText('docs/README.md')).map((link) => normalize(join('docs', link)));
  const pages = PAGES.map(({ path }) => path).filter(
    (path) => path.startsWith('docs/') && path !== 'docs/README.md' && !/decisions\/\d/.test(path),
  );
  expect(pages.filter((path) => !listed.includes(path))).toEqual([]);
});
