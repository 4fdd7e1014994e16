import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The text of a file, by its path from the repository's root. */
export function readText(path: string): string {
  return readFileSync(`${ROOT}${path}`, 'utf8');
}

/** A heading and the text up to the next heading of any level. */
export interface Section {
  readonly heading: string;
  readonly text: string;
}

/** The sections of a page, in order. A `#` inside a fenced block starts none. */
export function sectionsOf(page: string): Section[] {
  const sections: { heading: string; text: string }[] = [];
  let fenced = false;
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const [, heading] = (!fenced && /^#+ (.*)$/.exec(line)) || [];
    if (heading !== undefined) sections.push({ heading: heading.replaceAll('`', ''), text: '' });
    else if (sections.length > 0) (sections.at(-1) as { text: string }).text += `${line}\n`;
  }
  return sections;
}

/** The cells of every row of the tables in a text, without their head. */
export function tableRows(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const isRule = (line: string | undefined) => line !== undefined && /^\|[ |:-]+\|$/.test(line);
  return rows
    .filter((line, i) => !isRule(line) && !isRule(rows[i + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** What stands between backticks in a text. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** GitHub's anchor of a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** The content of every fenced block of a language in a text. */
export function blocksOf(text: string, language: string): string[] {
  const fenced = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return fenced.filter(([, name]) => name === language).map(([, , content = '']) => content);
}

/**
 * The names and types of everything in a value, to hold what a page shows against what really comes. Elements of a list
 * that are alike count once.
 */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = new Map(value.map(shapeOf).map((shape) => [JSON.stringify(shape), shape]));
    return [...shapes.values()];
  }
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shapeOf(field)]));
}
