import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { openTestServer } from '../../support/server/server.ts';

const ROOT = '/api/sync/ota/my-app';

/** A log of two days: 40 clients, of which 30 download the release on the second day, and 20 then run it. */
function logOf(releaseId: string): string[] {
  const line = (day: number, client: number, path: string, status: number) =>
    `10.0.0.${client} - - [${day}/Mar/2026:12:00:00 +0000] "GET ${path} HTTP/1.1" ${status} 0 "-" "-"`;
  const clients = Array.from({ length: 40 }, (_, client) => client);
  return [
    ...clients.map((client) => line(12, client, `${ROOT}/linux/x86_64/1.0.0`, 204)),
    ...clients
      .slice(0, 30)
      .map((client) => line(13, client, `${ROOT}/download/${releaseId}/linux/x86_64`, 302)),
    ...clients.slice(0, 20).map((client) => line(13, client, `${ROOT}/linux/x86_64/1.1.0`, 204)),
    line(13, 1, '/api/sync/ota/unknown/linux/x86_64/1.0.0', 204),
    line(13, 1, '/favicon.ico', 404),
    'garbage',
  ];
}

async function importLog(store: readonly string[], server: Awaited<ReturnType<typeof openTestServer>>) {
  onTestFinished(() => server.close());
  server.now = new Date('2026-03-14T12:00:00Z');
  const publisher = await Publisher.on(server);
  const id = await publisher.publish('1.1.0');
  const folder = await tempFolder();
  const lines = logOf(id);
  const [first, second] = [join(folder, 'access.log'), join(folder, 'access.log.1.gz')];
  await writeFile(first, `${lines.slice(0, 40).join('\n')}\n`);
  await writeFile(second, gzipSync(lines.slice(40).join('\n')));

  const { code, document } = await runJsonInProcess(['stats', 'import', first, second, ...store]);
  expect(code).toBe(EXIT.done);
  expect(document).toMatchObject({ files: 2, lines: 93, checks: 60, downloads: 30 });
  const { days, months, releases } = requireStatus(await publisher.send('GET', '/stats'), 200).json();
  const close = (clients: number) => expect.closeTo(clients, -1);
  expect(days.map(({ period }: { period: string }) => period)).toEqual(['2026-03-13', '2026-03-12']);
  expect(days[1].versions).toEqual([{ version: '1.0.0', platform: 'linux-x86_64', clients: close(40) }]);
  expect(months).toMatchObject([{ period: '2026-03', clients: close(40) }]);
  expect(releases).toMatchObject([{ version: '1.1.0', downloaded: close(30), converted: close(20) }]);

  const again = await runJsonInProcess(['stats', 'import', second, first, ...store]);
  expect(again.document).toMatchObject({ error: { code: 'conflict' } });
  expect(requireStatus(await publisher.send('GET', '/stats'), 200).json().months).toEqual(months);

  const notes = join(folder, 'notes.txt');
  await writeFile(notes, 'nothing\n');
  for (const wrong of [notes, join(folder, 'missing.log'), join(folder, 'missing.gz')])
    expect((await runInProcess(['stats', 'import', wrong, ...store])).code).toBe(EXIT.usage);
}

test('stats import counts the checks and downloads in access logs once', async () => {
  const dataDir = await tempFolder();
  await importLog(['--data-dir', dataDir], await openTestServer(dataDir));
});

describeOnPostgres('with PostgreSQL', () => {
  const postgres = usePostgres();

  test('stats import counts the same', async () => {
    const url = await postgres.server.createDatabase();
    const database = await openPostgres({ url });
    const now = new Date('2026-03-14T12:00:00Z');
    const server = await openTestServer(await tempFolder(), { database, clock: () => now });
    await importLog(['--database', url], server);
  });
});
