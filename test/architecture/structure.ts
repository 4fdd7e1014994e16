// Prints how many files each folder of `src` holds, and what share of each top folder is comments.
import { fileURLToPath } from 'node:url';
import { measureFolders, measureTopFolders } from './measure-structure.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

console.table(
  measureTopFolders(ROOT).map(({ folder, files, lines, commentShare }) => ({
    folder,
    files,
    lines,
    comments: `${(commentShare * 100).toFixed(1)} %`,
  })),
);
console.table(measureFolders(ROOT));
