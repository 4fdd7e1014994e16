import { expect, onTestFinished, test } from 'vitest';
import { run, startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { publishLinux, runJson, writeBundle } from '../support/publish/world.ts';
import { startReceiver, untilReceived, verified } from '../support/server/webhook-receiver.ts';

test('crash: a server that is killed before a message was taken sends it after the next start', async () => {
  const dataDir = await tempFolder();
  const folder = await tempFolder();
  const first = await startServe(dataDir);
  const store = ['--data-dir', dataDir];
  const { document: app } = await runJson(['apps', 'create', 'My App', '--slug', 'my-app', ...store]);
  // Takes no message while the first server runs.
  const receiver = await startReceiver(() => {});
  const added = await run(['webhooks', 'add', receiver.url, '--allow-private', ...store]);
  const [secret = ''] = /whsec_\S+/.exec(added.stdout) ?? [];
  const bundle = await writeBundle(folder, 'one.AppImage');
  const { id, token } = app as { id: string; token: string };
  const remote = ['--server', first.url, '--app', id, '--token', token, '--project', folder];
  expect(await run([...publishLinux('1.0.0', bundle), ...remote])).toMatchObject({ code: 0 });
  await untilReceived(receiver, 1);
  await first.stop('SIGKILL');
  receiver.answer = (_, response) => response.writeHead(204).end();
  const second = await startServe(dataDir, ['--workers', '2']);
  onTestFinished(async () => void (await second.stop()));
  await untilReceived(receiver, 2, 90_000); // the lease of the first has to end
  const messages = verified(receiver, { secret });
  expect(messages.map(({ type }) => type)).toEqual(['release.published', 'release.published']);
  expect(new Set(messages.map((message) => message.id)).size).toBe(1);
  const hooks = await runJson(['webhooks', 'list', ...store]);
  const [hook] = hooks.document as { id: string }[];
  const { document: deliveries } = await runJson(['webhooks', 'deliveries', hook?.id ?? '', ...store]);
  expect(deliveries).toMatchObject([{ outcome: 'delivered', attempts: 1, status: 204 }]);
}, 120_000);
