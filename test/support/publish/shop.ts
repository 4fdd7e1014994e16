import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { publishLinux, startWorld, type World, writeBundle } from './world.ts';

/** A stopped server on SQLite and disk with some history, and its last responses. */
export interface Shop {
  readonly world: World;
  readonly answers: Answers;
}

/** What installed apps get, and what tokens see, whatever the URLs. */
export type Answers = Readonly<Record<string, unknown>>;

/** The version that was live and then deleted, and its file. */
export const DELETED = '1.2.0';

/** The file of a deleted version, in the world's folder. */
export function deletedFile({ folder }: World): string {
  return join(folder, `App-${DELETED}.AppImage`);
}

/**
 * Two apps; releases that are live, yanked, deleted, a draft and for a channel; a slug that was changed; a token that
 * was revoked; and an upload that was granted and never made.
 */
export async function closedShop(): Promise<Shop> {
  const world = await startWorld();
  const publish = async (version: string, ...more: string[]) => {
    const file = await writeBundle(world.folder, `App-${version}.AppImage`);
    const done = await world.runJson(publishLinux(version, file, ...more));
    expect(done, done.stderr).toMatchObject({ code: 0 });
  };
  const ok = async (...args: string[]) => {
    const done = await world.runJson(args);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    return done;
  };
  const mac = await writeBundle(world.folder, 'App.app.tar.gz');
  await publish('0.9.0', '--slug', 'old-name');
  await publish('1.0.0', '--notes', 'first\nsecond', '--artifact', `darwin-aarch64=${mac}`);
  await publish(DELETED);
  await ok('releases', 'delete', DELETED);
  await publish('1.1.0');
  await publish('1.3.0');
  await ok('releases', 'yank', '1.3.0');
  await publish('1.4.0', '--draft');
  await publish('2.0.0-beta.1', '--channel', 'beta');
  const store = ['--data-dir', world.dataDir];
  const { document: other } = await ok('apps', 'create', 'Other', '--slug', 'other', ...store);
  const env = { SYNCKIT_OTA_APP: other.id, SYNCKIT_OTA_TOKEN: other.token };
  const file = await writeBundle(world.folder, 'Other.AppImage');
  const published = await world.runJson(
    ['publish', '--version', '3.0.0', '--artifact', `linux-x86_64=${file}`, '--slug', 'other'],
    { env },
  );
  expect(published, published.stderr).toMatchObject({ code: 0 });
  const { document: revoked } = await ok('tokens', 'create', '--app', world.app.id, ...store);
  await ok('tokens', 'revoke', revoked.id, ...store);
  await grantUpload(world);
  const tokens = [world.app, { id: world.app.id, token: revoked.token }, other];
  const answers = await answersOf(world.server.url, tokens);
  expect(await world.server.stop()).toBe(0);
  return { world, answers: { ...answers, tokens } };
}

/** A server's responses, without its URLs. */
export async function answersOf(
  server: string,
  tokens: readonly { readonly id: string; readonly token: string }[],
): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const path of [
    ...['my-app', 'old-name', 'other', 'nobody'].map((slug) => `${slug}/linux/x86_64/0.1.0`),
    ...['0.9.0', '1.0.0', '1.1.0', '1.5.0'].map((version) => `my-app/linux/x86_64/${version}`),
    'my-app/darwin/aarch64/0.1.0',
    'my-app/windows/x86_64/0.1.0',
    'my-app/linux/x86_64/1.1.0?channel=beta',
  ]) {
    const check = await fetch(`${server}/api/sync/ota/${path}`);
    answers[path] =
      check.status === 200 ? await update((await check.json()) as { url: string }) : check.status;
  }
  for (const [i, { id, token }] of tokens.entries()) {
    const headers = { authorization: `Bearer ${token}` };
    const list = await fetch(`${server}/api/sync/ota/apps/${id}?include=releases`, { headers });
    answers[`app by token ${i}`] = list.status === 200 ? await list.json() : list.status;
  }
  return answers;
}

async function update({ url, ...rest }: { url: string }) {
  const download = await fetch(url);
  expect(download.status).toBe(200);
  const bytes = Buffer.from(await download.arrayBuffer());
  return { ...rest, bytes: createHash('sha256').update(bytes).digest('hex') };
}

async function grantUpload({ server, app }: World): Promise<void> {
  const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
  const releases = `${server.url}/api/sync/ota/apps/${app.id}/releases`;
  const listed = (await (await fetch(releases, { headers })).json()) as { id: string; version: string }[];
  const { id } = listed.find(({ version }) => version === '1.4.0') ?? {};
  const body = JSON.stringify({ target: 'windows', arch: 'x86_64', file_size: 10, signature: 's' });
  const answer = await fetch(`${releases}/${id}/artifacts`, { method: 'POST', headers, body });
  expect(answer.status).toBeLessThan(300);
}
