import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../support/process/temp-folder.ts';
import {
  COMMENT_SHARE,
  countComments,
  MAX_FILES,
  measureFolders,
  measureTopFolders,
  ONE_KIND,
} from './measure-structure.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Its two interfaces state what each method promises and how it fails; without them it has 12 %. */
const WITH_MORE_COMMENTS = 'src/storage';

test(`a folder of src holds ${MAX_FILES} files at most, or files of one kind`, () => {
  const crowded = measureFolders(ROOT).filter(
    ({ folder, files }) => files > MAX_FILES && !ONE_KIND.some((kind) => kind === folder),
  );
  expect(crowded).toEqual([]);
});

test.each(measureTopFolders(ROOT).filter(({ folder }) => folder !== WITH_MORE_COMMENTS))(
  'comments are 5 to 12 % of the lines of $folder',
  ({ commentShare }) => {
    expect(commentShare).toBeGreaterThanOrEqual(COMMENT_SHARE.least);
    expect(commentShare).toBeLessThanOrEqual(COMMENT_SHARE.most);
  },
);

describe('measuring', () => {
  test('files are counted by the folder they are in, lines by the folder of src', async () => {
    const root = await tempFolder();
    mkdirSync(join(root, 'src/client/transport'), { recursive: true });
    writeFileSync(join(root, 'src/errors.ts'), '// one\na;\n');
    writeFileSync(join(root, 'src/client/a.ts'), '/** one */\na;\nb;\n');
    writeFileSync(join(root, 'src/client/transport/b.ts'), 'a;\n');
    expect(measureFolders(root)).toEqual([
      { folder: 'src', files: 1 },
      { folder: 'src/client', files: 1 },
      { folder: 'src/client/transport', files: 1 },
    ]);
    expect(measureTopFolders(root)).toEqual([
      { folder: 'src/client', files: 2, lines: 4, commentShare: 0.25 },
    ]);
  });

  test('comments are the lines with nothing else', () => {
    expect(countComments('/**\n * a\n */\nconst a = 1; // b\n  // c\n')).toBe(4);
  });
});
