import { expect, onTestFinished, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { Ownership } from '../../../src/ownership/ownership.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fakeS3Place, type S3Place } from '../../support/s3/s3-place.ts';
import { openS3 } from '../../support/s3/s3-world.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

const claim = (dataDir: string, place: S3Place, ...more: string[]) => [
  ...['storage', 'claim', '--data-dir', dataDir],
  ...storageOptions(place),
  ...more,
];

/** @returns the data folder of a database that has no files yet */
async function newStore(): Promise<string> {
  const dataDir = await tempFolder();
  await (await openSqlite({ dataDir })).close();
  return dataDir;
}

/** A bucket that a database has used. */
async function openUsed() {
  const place = await fakeS3Place();
  const { storage } = await openS3(place);
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  const renew = () => Ownership.open({ database, storage, location: 'the place' });
  await renew();
  return { place, renew };
}

test('field 15: a claim says who it takes files from, and refuses without consent', async () => {
  const { place } = await openUsed();
  const dataDir = await newStore();
  const refused = await runInProcess(claim(dataDir, place));
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/were last used at \d{4}-/);
  expect(refused.stderr).toContain('--yes');
  const claimed = await runJsonInProcess(claim(dataDir, place, '--yes', '--force'));
  expect(claimed, claimed.stderr).toMatchObject({
    code: 0,
    document: { status: 'claimed', from: { epoch: 1, database_id: expect.any(String) } },
  });
  const again = await runJsonInProcess(claim(dataDir, place, '--yes'));
  expect(again, again.stderr).toMatchObject({ code: 0, document: { status: 'unchanged' } });
});

test('field 15: a claim on files that are in use needs --force', async () => {
  const { place, renew } = await openUsed();
  const dataDir = await newStore();
  const running = setInterval(() => void renew(), 1000);
  onTestFinished(() => clearInterval(running));
  const refused = await runJsonInProcess(claim(dataDir, place, '--yes'));
  clearInterval(running);
  expect(refused).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
  expect(refused.stderr).toContain('Watching for 150 seconds');
  const forced = await runJsonInProcess(claim(dataDir, place, '--yes', '--force'));
  expect(forced, forced.stderr).toMatchObject({ code: 0, document: { status: 'claimed' } });
});

test('field 15: a claim warns of what a bucket is set to, as serve does', async () => {
  const place = await fakeS3Place();
  place.fake.intercept = ({ key, query }) => {
    if (key !== '' || !query.has('versioning')) return undefined;
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    return { status: 200, headers: { 'content-type': 'application/xml' }, body };
  };
  const claimed = await runJsonInProcess(claim(await newStore(), place, '--yes'));
  expect(claimed, claimed.stderr).toMatchObject({ code: 0 });
  expect(claimed.stderr).toMatch(/^warning: .*keeps old versions/m);
});
