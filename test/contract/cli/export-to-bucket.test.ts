import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { requireStatus } from '../../support/publish/publisher.ts';
import { describeOnS3, type S3Place } from '../../support/s3/s3-place.ts';
import { startExportedApp } from '../../support/server/exported-app.ts';

const BASE = 'https://mirror.example.com/updates';

/** What is in the place, as who reads it by a URL sees it. */
function reading({ location: { bucket, prefix }, ...settings }: S3Place) {
  const client = new S3Client(settings);
  onTestFinished(() => client.destroy());
  const objects = async () => {
    const listed = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return new Map(
      (listed.Contents ?? []).map(({ Key = '', LastModified, ETag }) => [
        Key.slice(prefix.length),
        `${ETag} ${LastModified?.getTime()}`,
      ]),
    );
  };
  const read = async (path: string) => {
    const found = await client.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + path }));
    return { ...found, text: (await found.Body?.transformToString()) ?? '' };
  };
  const put = (path: string, text: string) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: prefix + path, Body: text }));
  return { objects, read, put };
}

describeOnS3('export to a bucket', (open) => {
  test('has the answers and files, with their types and how long they may be cached', async () => {
    const { app, publish } = await startExportedApp();
    const place = await open();
    const { read } = reading(place);
    await publish('1.0.0');
    await publish('1.1.0');
    const { document } = await runJsonInProcess(app.exportArgs(place, BASE));
    expect(document).toMatchObject({ slug: 'my-app', files: 2, downloaded: 2, removed: [] });
    const answer = await read('my-app/stable/linux/x86_64/1.0.0.json');
    expect(answer).toMatchObject({
      ContentType: 'application/json; charset=utf-8',
      CacheControl: 'public, max-age=60',
    });
    const { version, url } = JSON.parse(answer.text);
    expect(version).toBe('1.1.0');
    const file = await read(decodeURIComponent(url.slice(BASE.length + 1)));
    expect(file).toMatchObject({
      text: '1.1.0 for linux-x86_64',
      ContentType: 'application/octet-stream',
      CacheControl: 'public, max-age=31536000, immutable, no-transform',
    });
    expect(JSON.parse((await read('my-app/stable/linux/x86_64/1.1.0.json')).text).version).toBe('1.1.0');
  });

  test('writes only what has changed, and removes what is not offered any more after the grace period', async () => {
    const { app, publish } = await startExportedApp();
    const place = await open();
    const { objects, put } = reading(place);
    await publish('1.0.0');
    const run = async (...more: string[]) =>
      (await runJsonInProcess([...app.exportArgs(place, BASE), ...more])).document;
    await run();
    const first = await objects();
    await new Promise((resolve) => setTimeout(resolve, 1100)); // stores keep whole seconds
    expect(await run()).toMatchObject({ downloaded: 0 });
    expect(await objects()).toEqual(first);
    await put('my-app/stable/linux/x86_64/1.0.0.json', 'changed by hand');
    await publish('1.1.0');
    expect(await run()).toMatchObject({ files: 2, downloaded: 2, removed: [] });
    const second = await objects();
    const written = [...second.keys()].filter((path) => second.get(path) !== first.get(path));
    const changed =
      /^my-app\/(\.synckit|index|files|stable\/latest|stable\/\w+\/\w+\/(unknown\/)?1\.[01]\.0)/;
    expect(written.filter((path) => !changed.test(path) && first.has(path))).toEqual([]);
    expect(written).toContain('my-app/stable/linux/x86_64/1.0.0.json');
    const files = [...first.keys()].filter((path) => path.startsWith('my-app/files/'));
    expect(written.filter((path) => files.includes(path))).toEqual([]);
    const { removed } = await run('--grace', '0');
    expect(removed).toHaveLength(2);
    expect(removed[0]).toMatch(/^files\/[0-9a-f]{64}\//);
    expect(await run()).toMatchObject({ downloaded: 0, removed: [] });
  });

  test('has no answer that leads to a file which is not what was published', async () => {
    const { app, publish, spoil } = await startExportedApp();
    const place = await open();
    const { objects } = reading(place);
    await spoil(await publish('1.0.0'));
    const failed = await runJsonInProcess(app.exportArgs(place, BASE));
    expect([failed.code, failed.document.error.code]).toEqual([6, 'verification_failed']);
    expect([...(await objects()).keys()]).toEqual(['my-app/.synckit-ota-export.json']);
  });

  test('touches no folder that something else has filled', async () => {
    const { app, publish } = await startExportedApp();
    const place = await open();
    const { put, objects } = reading(place);
    await publish('1.0.0');
    await put('my-app/index.html', 'mine');
    const refused = await runJsonInProcess(app.exportArgs(place, BASE));
    expect([refused.code, refused.document.error.code]).toEqual([2, 'usage']);
    expect([...(await objects()).keys()]).toEqual(['my-app/index.html']);
  });

  test('has every kind of update that is there after another release was yanked', async () => {
    const { app, publish } = await startExportedApp();
    const place = await open();
    const { read } = reading(place);
    await publish('1.0.0');
    const yanked = await publish('1.1.0');
    const run = () => runJsonInProcess(app.exportArgs(place, BASE));
    const offered = async () =>
      JSON.parse((await read('my-app/stable/linux/x86_64/1.0.0.json')).text).version;
    await run();
    expect(await offered()).toBe('1.1.0');
    requireStatus(await app.send('PATCH', `/releases/${yanked}`, { body: { status: 'yanked' } }), 200);
    await run();
    expect(await offered()).toBe('1.0.0');
  });
});
