import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { planCopy } from '../../../src/copy/copy-store.ts';
import { importFiles } from '../../../src/copy/import-files.ts';
import { openSqliteReadOnly } from '../../../src/database/sqlite/open-read-only.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { openS3 } from '../../support/s3/s3-world.ts';
import { fillStore } from '../../support/server/small-store.ts';
import { replaceBy, SPECIAL_FILES } from '../../support/server/special-file.ts';

const MIB = 1024 * 1024;

test.each([
  ['of many small files as many as are allowed', Array.from({ length: 40 }, () => 2000), 8, 8],
  ['of large files three', Array.from({ length: 6 }, () => 2 * MIB), 8, 3],
  ['of large files no more than are allowed', Array.from({ length: 4 }, () => 2 * MIB), 1, 1],
])('field 15: copies several files at once: %s', async (_, sizes, concurrency, expected) => {
  const place = await fakeS3Place();
  const { storage } = await openS3(place);
  const dataDir = await tempFolder();
  await fillStore(dataDir, sizes);
  const queries = await openSqliteReadOnly({ dataDir });
  const { files, snapshot } = await planCopy({ dataDir, queries });
  await queries.destroy();
  const [signal, verified] = [new AbortController().signal, new Set<string>()];
  let now = 0;
  let most = 0;
  let sent = 0;
  place.fake.intercept = async ({ method }) => {
    if (method === 'PUT') {
      most = Math.max(most, ++now);
      for (let waited = 0; most < expected && waited < 200; waited++) await sleep(10); // for the others
      await sleep(20); // for one too many
      now--;
    }
    return undefined;
  };
  const progress = { onBytes: () => {}, onFile: () => void sent++ };
  await importFiles(files, snapshot, { dataDir, storage, verified, signal, concurrency, ...progress });
  expect(sent).toBe(sizes.length);
  expect(most).toBe(expected);
});

test.skipIf(platform() === 'win32').each(SPECIAL_FILES)(
  'field 11: a %s in the place of a file is neither copied nor waited for',
  async (kind) => {
    const { storage } = await openS3(await fakeS3Place());
    const dataDir = await tempFolder();
    const [file] = await fillStore(dataDir, [1000, 2000]);
    const path = file?.path ?? '';
    const queries = await openSqliteReadOnly({ dataDir });
    const { files, snapshot } = await planCopy({ dataDir, queries });
    await queries.destroy();
    await replaceBy(kind, path);
    const sent: string[] = [];
    const progress = { onBytes: () => {}, onFile: (name: string) => void sent.push(name) };
    const options = { dataDir, storage, verified: new Set<string>(), signal: new AbortController().signal };
    const copying = importFiles(files, snapshot, { ...options, concurrency: 2, ...progress });
    await expect(copying).rejects.toMatchObject({
      code: 'verification_failed',
      message: expect.stringContaining(`my-app 1.0.0 linux-x86_64: ${path} is not a regular file`),
    });
    expect(sent).toEqual(['my-app 1.1.0 linux-x86_64']);
  },
);
