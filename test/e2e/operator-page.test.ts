import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Finished, run } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { serveUntilFinished, startWorld } from '../support/publish/world.ts';

/** The secret of the link in the log, if there is one. */
function secretIn(logs: readonly Record<string, unknown>[]): string | undefined {
  const links = logs.flatMap(({ link }) => (typeof link === 'string' ? [new URL(link)] : []));
  return links[0]?.hash.replace('#link=', '');
}

function signInAt(url: string, secret: string | undefined): Promise<Response> {
  return fetch(`${url}/admin/session`, {
    method: 'POST',
    headers: { 'x-synckit-ota-page': '1', 'content-type': 'application/json' },
    body: JSON.stringify({ link: secret }),
  });
}

test('serve prints a link that signs in once, as long as there is no app', async () => {
  const dataDir = join(await tempFolder(), 'data');
  const first = await serveUntilFinished(dataDir);
  const html = await (await fetch(`${first.url}/admin/`)).text();
  const [script = ''] = html.match(/assets\/page-[A-Z0-9]{8}\.js/) ?? [];
  expect((await fetch(`${first.url}/admin/${script}`)).status).toBe(200);
  const signIn = (secret: string | undefined) => signInAt(first.url, secret);
  const secret = secretIn(first.logs());
  const signedIn = await signIn(secret);
  expect(await signedIn.json()).toMatchObject({ session: { kind: 'operator', apps: [] } });
  expect((await signIn(secret)).status).toBe(401);
  expect(JSON.stringify(first.logs().slice(-1))).not.toContain(String(secret));
  await run(['apps', 'create', 'My App', '--slug', 'my-app', '--data-dir', dataDir]);
  expect((await fetch(`${first.url}/my-app`, { headers: { accept: 'text/html' } })).status).toBe(200);
  await first.stop('SIGTERM');

  const second = await serveUntilFinished(dataDir);
  expect(secretIn(second.logs())).toBeUndefined();
  await second.stop('SIGTERM');
});

test('operator-link prints a link that signs in once, in place of the one before', async () => {
  const world = await startWorld();
  const create = () =>
    world.run(['operator-link', '--data-dir', world.dataDir, '--public-url', 'https://ota.example/x/']);
  const secretOf = ({ stdout }: Finished) => new URL(stdout.trim()).hash.replace('#link=', '');
  const first = await create();
  expect(first.stdout).toMatch(/^https:\/\/ota\.example\/x\/admin\/#link=[\w-]{32}\n$/);
  expect(first.stderr).toContain('Whoever has it is the operator of the server.');
  const unnamed = await world.run(['operator-link', '--data-dir', world.dataDir]);
  expect(unnamed.stderr).toContain('pass the --public-url of `serve` for another');
  const second = await create();
  expect((await signInAt(world.server.url, secretOf(first))).status).toBe(401);
  const signedIn = await signInAt(world.server.url, secretOf(second));
  expect(await signedIn.json()).toMatchObject({ session: { kind: 'operator', apps: [{ name: 'My App' }] } });
  expect((await signInAt(world.server.url, secretOf(second))).status).toBe(401);
  const audit = await run(['audit', '--data-dir', world.dataDir]);
  expect(audit.stdout).toMatch(/operator.link_created.*operator.signed_in/s);
});

test('serve --no-web has no page, and prints no link', async () => {
  const server = await serveUntilFinished(join(await tempFolder(), 'data'), ['--no-web']);
  expect((await fetch(`${server.url}/admin/`)).status).toBe(404);
  expect(secretIn(server.logs())).toBeUndefined();
  await server.stop('SIGTERM');
});
