import { existsSync, globSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { codeSpansIn, sectionsOf, tableRows } from '../../support/docs/markdown.ts';
import { ROOT, readText } from '../../support/docs/pages.ts';

const sources = ['src', 'test'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:ts|mjs)$/.test(file))
    .map((file) => ({ file: `${folder}/${file}`, text: readText(`${folder}/${file}`) })),
);

describe('the page of requirements', () => {
  const page = readText('docs/contributing/requirements.md');
  const numbers = sectionsOf(page).flatMap(({ heading }) => (/^R\d+$/.test(heading) ? [heading] : []));
  const troubles = sectionsOf(page)
    .filter(({ heading }) => heading === 'Known troubles of other tools')
    .flatMap(({ text }) => tableRows(text))
    .filter(([number = '']) => /^\d+$/.test(number));
  const tests = sources.filter(({ file }) => file.endsWith('.test.ts')).map(({ text }) => text);

  test('has each requirement that tests and comments refer to', () => {
    const referred = sources.flatMap(
      ({ text }) => text.match(/(?<!attack )\bR\d+\b(?=[\s:.,)\]'"`])/g) ?? [],
    );
    expect(numbers).toEqual(expect.arrayContaining([...new Set(referred)]));
  });

  test.each(numbers)('has %s once, and tests refer to it', (number) => {
    expect(numbers.filter((other) => other === number)).toHaveLength(1);
    expect(tests.join('\n')).toMatch(new RegExp(`\\b${number}\\b`));
  });

  test('lists known problems of other tools', () => {
    expect(troubles.length).toBeGreaterThan(8);
  });

  test.each(troubles.map(([number, words]) => [number, words]))(
    'has a test named after problem %s: %s',
    (number) => {
      expect(tests.join('\n')).toMatch(new RegExp(`(?:test|describe|\\))\\(\\s*['"\`]pains ${number}: `));
    },
  );
});

describe('the page of the architecture', () => {
  const rows = tableRows(readText('docs/contributing/architecture.md'));
  const purposes = new Map(rows.map(([folder = '', purpose = '']) => [folder.replaceAll('`', ''), purpose]));
  const folders = readdirSync(`${ROOT}src`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(`${ROOT}src/`.length));

  test('describes each folder of src', () => {
    const named = (folder: string) => purposes.has(folder.includes('/') ? folder : `src/${folder}`);
    expect(folders.filter((folder) => !named(folder))).toEqual([]);
  });

  test.each([...purposes])('%s has one description: %s', (_, purpose) => {
    expect(purpose).not.toMatch(/\band\b/);
  });
});

test('the list of decisions is complete', () => {
  const files = readdirSync(`${ROOT}docs/contributing/decisions`).filter((file) => /^\d{4}-/.test(file));
  const listed = [...readText('docs/contributing/decisions/README.md').matchAll(/\]\((\d{4}-[^)]+)\)/g)];
  expect(listed.map(([, file]) => file).sort()).toEqual(files.sort());
  const numbers = files.map((file) => file.slice(0, 4));
  expect(new Set(numbers).size).toBe(numbers.length);
});

test('the glossary explains each term once', () => {
  const sections = sectionsOf(readText('docs/contributing/glossary.md'));
  const terms = sections
    .filter(({ heading }) => heading !== 'Where to find it')
    .flatMap(({ text }) => tableRows(text))
    .map(([term = '']) => term);
  expect(terms.length).toBeGreaterThan(80);
  expect(terms.filter((term, index) => terms.indexOf(term) !== index)).toEqual([]);
});

test.each(globSync('docs/contributing/**/*.md', { cwd: ROOT }))('%s names only files that exist', (page) => {
  const paths = codeSpansIn(readText(page)).filter((code) =>
    /^(?:src|test|docs|examples|bin)\/[\w./-]+$/.test(code),
  );
  const missing = paths.filter((path) => !existsSync(`${ROOT}${path}`));
  expect(missing).toEqual([]);
});
