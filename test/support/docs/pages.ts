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

/** Every page of the documentation. */
export const PAGES = readPages('*.md', 'docs/**/*.md', 'examples/**/*.md').filter(
  ({ path }) => path !== 'CHANGELOG.md',
);

/** Every file in `examples` except its README. */
export const EXAMPLES = readPages('examples/**/*.*').filter(({ path }) => !path.endsWith('.md'));

/** The text of a file, by its path from the root of the repository. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function readPages(...patterns: string[]): Page[] {
  const paths = globSync(patterns, { cwd: ROOT, exclude: ['node_modules'] });
  return paths.toSorted().map((path) => ({ path, text: readText(path) }));
}
