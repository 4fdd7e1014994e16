// Prints how many files each folder of `src` holds, and how much of each room is comments.
import { fileURLToPath } from 'node:url';
import { measureFolders, measureRooms } from './measure-structure.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

console.table(
  measureRooms(ROOT).map(({ room, files, lines, commentShare }) => ({
    room,
    files,
    lines,
    comments: `${(commentShare * 100).toFixed(1)} %`,
  })),
);
console.table(measureFolders(ROOT));
