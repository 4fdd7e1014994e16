import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** A folder with files of one kind only can hold more than this. */
export const MAX_FILES = 15;

/** Folders that may grow: their files are all commands, handlers, migrations or query files. */
export const ONE_KIND = [
  'src/cli/commands',
  'src/server/handlers',
  'src/database/migrations',
  'src/database/queries',
] as const;

/** The least and the most that may be comments, as a share of a folder's lines. */
export const COMMENT_SHARE = { least: 0.05, most: 0.12 } as const;

export interface FolderSize {
  readonly folder: string;
  readonly files: number;
}

export interface TopFolderSize {
  readonly folder: string;
  readonly files: number;
  readonly lines: number;
  readonly commentShare: number;
}

interface MeasuredFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly lines: number;
  readonly comments: number;
}

/** How many files each folder of `src` holds, without those of its subfolders. */
export function measureFolders(root: string): FolderSize[] {
  return groupBy(sourceFiles(root), (path) => path.slice(0, path.lastIndexOf('/'))).map(
    ([folder, files]) => ({
      folder,
      files: files.length,
    }),
  );
}

/** The size of each folder of `src`, with its subfolders, and the share of its lines that are comments. */
export function measureTopFolders(root: string): TopFolderSize[] {
  const inFolders = sourceFiles(root).filter(({ path }) => path.split('/').length > 2);
  return groupBy(inFolders, (path) => path.split('/').slice(0, 2).join('/')).map(([folder, files]) => {
    const lines = sum(files.map((file) => file.lines));
    const comments = sum(files.map((file) => file.comments));
    return { folder, files: files.length, lines, commentShare: comments / lines };
  });
}

/** Lines with nothing but a comment. A line of a template string that looks like one counts too. */
export function countComments(text: string): number {
  return text.split('\n').filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line)).length;
}

function sourceFiles(root: string): MeasuredFile[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const text = readFileSync(file, 'utf8');
      return {
        path: relative(root, file).split(sep).join('/'),
        lines: text.trimEnd().split('\n').length,
        comments: countComments(text),
      };
    });
}

/** The files by what `keyOf` says of their path, sorted. */
function groupBy(
  files: readonly MeasuredFile[],
  keyOf: (path: string) => string,
): [string, readonly MeasuredFile[]][] {
  const keys = [...new Set(files.map(({ path }) => keyOf(path)))].sort();
  return keys.map((key) => [key, files.filter(({ path }) => keyOf(path) === key)]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
