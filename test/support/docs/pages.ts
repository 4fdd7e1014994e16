import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A text file that users read or copy. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export interface Block {
  readonly language: string;
  /** Without the indentation that it has in a list. */
  readonly text: string;
}

/** Every page of the documentation. */
export const PAGES = readPages('*.md', 'docs/**/*.md', 'examples/**/*.md').filter(
  ({ path }) => path !== 'CHANGELOG.md',
);

/** Every file in `examples` but its own page. */
export const EXAMPLES = readPages('examples/**/*.*').filter(({ path }) => !path.endsWith('.md'));

export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The fenced blocks of these languages in a text of Markdown. */
export function blocks(text: string, ...languages: string[]): Block[] {
  const fenced = [...text.matchAll(/^( *)```(\w+)\n(.*?)^\1```$/gms)];
  return fenced
    .map(([, indent = '', language = '', block = '']) => ({
      language,
      text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }))
    .filter(({ language }) => languages.includes(language));
}

/** The text in backticks outside of fenced blocks. */
export function codeSpans(text: string): string[] {
  const prose = text.replaceAll(/^ *```.*?^ *```$/gms, '');
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '));
}

function readPages(...patterns: string[]): Page[] {
  const paths = globSync(patterns, { cwd: ROOT, exclude: ['node_modules'] });
  return paths.toSorted().map((path) => ({ path, text: readPage(path) }));
}
