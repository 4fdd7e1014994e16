import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { recordedFiles } from '../../../src/database/queries/recorded-files.ts';
import { bindStorage } from '../../../src/database/queries/storage-binding.ts';
import { dataFolderId } from '../../../src/storage/disk/data-folder-id.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, Publisher } from '../../support/publish/publisher.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';

async function placeOf({ place, dataDir, serveArgs }: Store): Promise<string> {
  if (place) return `s3://${place.location.bucket}/${place.location.prefix.replace(/\/$/, '')}`;
  return serveArgs.includes('--database') ? `disk:${await dataFolderId(dataDir)}` : 'disk';
}

/** Puts other bytes of the same size in the place of a file, behind the server's back. */
async function swap({ place, dataDir }: Store, storageKey: string, bytes: Buffer): Promise<void> {
  if (place === undefined) return writeFile(join(dataDir, 'artifacts', storageKey), bytes);
  const { location, ...settings } = place;
  const client = new S3Client(settings);
  const Key = `${location.prefix}artifacts/${storageKey}`;
  await client.send(new PutObjectCommand({ Bucket: location.bucket, Key, Body: bytes }));
  client.destroy();
}

describeOnEachStore('attack M11: audit verify', ({ start }) => {
  test('finds nothing in a store that only this program has changed, then swapped bytes and a changed row', async () => {
    const store = await start();
    const server = await store.open();
    const app = await Publisher.on(server);
    await app.publish('1.0.0');
    await app.publish('1.1.0');
    const { queries } = server.database;
    await bindStorage(queries, await placeOf(store));
    const verify = (...more: string[]) =>
      runJsonInProcess(['audit', 'verify', '--data-dir', store.dataDir, ...store.serveArgs, ...more]);
    const intact = await verify();
    expect(intact, intact.stderr).toMatchObject({
      ...{ code: 0, document: { status: 'intact', files: 2, problems: [] } },
    });
    const [first] = await recordedFiles(queries);
    const bytes = bytesOf('1.0.0');
    await swap(store, first?.storageKey ?? '', Buffer.from(bytes.toString().replace('the', 'eht')));
    const swapped = await verify();
    expect(swapped, swapped.stderr).toMatchObject({
      ...{ code: 6, document: { status: 'changed', problems: [{ kind: 'file_changed' }] } },
    });
    expect(await verify('--skip-files')).toMatchObject({ code: 0, document: { files: null } });
    await queries.updateTable('releases').set({ notes: 'evil' }).where('version', '=', '1.1.0').execute();
    const changed = await verify();
    expect(changed.code).toBe(6);
    expect(changed.document).toMatchObject({ problems: [{ kind: 'row_changed' }, { kind: 'file_changed' }] });
    expect(changed.stderr).toContain('release 1.1.0 of my-app is not as entry');
  });
});

describe('attack M11: the audit log of the command line', () => {
  async function inNewStore() {
    const folder = await tempFolder();
    const run = (...args: string[]) => runInProcess([...args, '--data-dir', folder]);
    const json = async (...args: string[]) =>
      (await runJsonInProcess([...args, '--data-dir', folder])).document;
    await runInProcess(['apps', 'create', 'My App', '--slug', 'my-app'], { cwd: folder });
    return { folder: join(folder, 'synckit-ota-data'), run, json, cwd: folder };
  }

  const at =
    (folder: string) =>
    (...args: string[]) =>
      runInProcess([...args, '--data-dir', folder]);

  test('names the user who ran each command', async () => {
    const { folder } = await inNewStore();
    const run = at(folder);
    await run('apps', 'rename', 'my-app', 'Better');
    await run('tokens', 'create', '--app', 'my-app', '--name', 'ci');
    await run('tokens', 'revoke', 'ci');
    await run('apps', 'delete', 'my-app', '--yes');
    await run('apps', 'free-slug', 'my-app');
    const { document } = await runJsonInProcess(['audit', '--data-dir', folder]);
    const entries = document as unknown as { action: string; actor: object; app: string | null }[];
    expect(entries.map(({ action }) => action)).toEqual([
      ...['app.created', 'token.created', 'app.renamed', 'token.created', 'token.revoked', 'app.deleted'],
      'slug.freed',
    ]);
    for (const { actor } of entries)
      expect(actor).toEqual({ kind: 'operator', id: null, name: userInfo().username });
    const verified = await runJsonInProcess(['audit', 'verify', '--data-dir', folder, '--skip-files']);
    expect(verified).toMatchObject({ code: 0, document: { status: 'intact', entries: 7 } });
  });

  test('is shown whole in a pipe, the last change last, and never shows a token', async () => {
    const { folder } = await inNewStore();
    const run = at(folder);
    const long = 'x'.repeat(90);
    const { stdout: token } = await run('tokens', 'create', '--app', 'my-app', '--name', long);
    await run('apps', 'rename', 'my-app', long);
    const { stdout, code } = await run('audit', '--app', 'my-app');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ {5}1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}app\.created +operator /);
    expect(lines.at(-1)).toContain(`my-app  name ${long}`);
    expect(stdout).not.toContain(token.split('\n')[0]);
    const { stdout: last } = await run('audit', '--limit', '1');
    expect(last.split('\n')[0]).toContain('app.renamed');
    expect((await run('audit', '--since', '2999-01-01')).stdout).toBe('No entries.\n');
    expect(await run('audit', '--since', 'yesterday')).toMatchObject({ code: 2 });
    expect(await run('audit', '--limit', '0')).toMatchObject({ code: 2 });
  });

  test('contains a checkpoint that was kept, until its end is cut off', async () => {
    const { folder, cwd } = await inNewStore();
    const run = at(folder);
    const { stdout } = await run('audit', 'checkpoint');
    expect(stdout).toMatch(/^2 [0-9a-f]{64}\n$/);
    await run('apps', 'rename', 'my-app', 'Better');
    const { stdout: second } = await run('audit', 'checkpoint');
    const file = join(cwd, 'checkpoints.txt');
    await writeFile(file, stdout + second);
    const verify = (...args: string[]) => run('audit', 'verify', '--skip-files', ...args);
    expect(await verify('--checkpoint', stdout.trim())).toMatchObject({ code: 0 });
    expect(await verify('--checkpoint', file)).toMatchObject({ code: 0 });
    const other = `2 ${'c'.repeat(64)}`;
    const refused = await verify('--checkpoint', file, '--checkpoint', other);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('checkpoint of entry 2') });
    await writeFile(file, 'no checkpoint');
    expect(await verify('--checkpoint', file)).toMatchObject({ code: 2 });
    expect(await verify('--checkpoint', join(cwd, 'missing'))).toMatchObject({ code: 2 });
  });

  test('is part of a backup, which is restored with an entry of its own', async () => {
    const { folder, cwd } = await inNewStore();
    const [backup, restored] = [join(cwd, 'backup'), join(cwd, 'restored')];
    expect(await at(folder)('backup', backup)).toMatchObject({ code: 0 });
    expect(await at(restored)('restore', backup)).toMatchObject({ code: 0 });
    const { document } = await runJsonInProcess(['audit', '--data-dir', restored]);
    const entries = document as unknown as { action: string; actor: { name: string } }[];
    expect(entries.map(({ action }) => action)).toEqual(['app.created', 'token.created', 'store.restored']);
    expect(await at(restored)('audit', 'verify')).toMatchObject({ code: 0 });
    expect(await readFile(join(backup, 'synckit-ota.sqlite'))).toBeInstanceOf(Buffer);
  });

  test('says that a token was never used', async () => {
    const { folder } = await inNewStore();
    const { stdout } = await at(folder)('tokens', 'list');
    expect(stdout).toMatch(/^publish .* never +[0-9a-f-]{36}$/m);
    const { document } = await runJsonInProcess(['tokens', 'list', '--data-dir', folder]);
    expect(document).toMatchObject([{ last_used_at: null }]);
  });
});
