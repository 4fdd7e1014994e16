import { HttpResponse, http } from 'msw';
import { expect, test } from 'vitest';
import { readServerState } from '../../../../src/publish/server-state/server-state.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { APP_ID, SERVER } from '../../../support/publish/base-server.ts';
import { release } from '../../../support/publish/plan-inputs.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { LINUX } from '../../../support/tauri/local-file.ts';

const APP = `${SERVER}/api/sync/ota/apps/${APP_ID}`;
const app = { id: APP_ID, name: 'A', slug: 'my-app', pubkey: 'key' };
const stored = {
  ...LINUX,
  bundle_type: 'deb',
  file_size: 7,
  sha256: 'a'.repeat(64),
  signature: 'signature of it',
};
const releases = [release('1.2.0', { artifacts: [stored] }), release('1.1.0')];

/** Looks at a server that answers so for the app, and has the releases. */
async function look(answer: object, known?: typeof releases) {
  const transport = new ScriptedTransport(
    http.get(APP, () => HttpResponse.json(answer)),
    http.get(`${APP}/releases`, () => HttpResponse.json(releases)),
  );
  const view = await readServerState(publisherOver(transport), {
    version: '1.2.0',
    platforms: [LINUX],
    extensions: new Set(['app']),
    ...(known && { releases: known }),
  });
  return { view, asked: transport.requests.map(({ url }) => url.href) };
}

const VIEW = {
  extensions: new Set(['app']),
  slug: 'my-app',
  acceptedPubkeys: ['key'],
  releases,
  stored: new Map([['linux-x86_64-deb', { sha256: stored.sha256, signature: stored.signature }]]),
};

test('the state of our server is read with one request', async () => {
  const { view, asked } = await look({ ...app, releases });
  expect(view).toEqual(VIEW);
  expect(asked).toEqual([`${APP}?include=releases`]);
});

test('an earlier server, which returns no releases with the app, gets a request for them', async () => {
  const { view, asked } = await look(app);
  expect(view).toEqual(VIEW);
  expect(asked).toEqual([`${APP}?include=releases`, `${APP}/releases`]);
});

test('the list of releases is not requested where it is known', async () => {
  const { view, asked } = await look(app, releases);
  expect(view).toEqual(VIEW);
  expect(asked).toEqual([`${APP}?include=releases`]);
});
