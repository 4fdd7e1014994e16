import { expect, test } from 'vitest';
import { setLimits } from '../../../../src/database/queries/app-limits.ts';
import { createRelease } from '../../../../src/database/queries/releases.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';
import { by } from '../../../support/server/by.ts';

test.each([0, 1, 99, 100, 101, 250])(
  'field 14: %i releases are listed and read with their app, whatever its name',
  async (count) => {
    const server = await startServer();
    const name = 'My [] "releases":[] app';
    const app = await Publisher.on(server, { name });
    await setLimits(server.database.queries, { appId: app.id, changes: { drafts: null } }, by());
    for (let patch = 0; patch < count; patch++) {
      const release = { appId: app.id, version: `1.0.${patch}`, notes: null, signature: null, draft: true };
      await createRelease(server.database.queries, release, by(new Date()));
    }
    const list = (await app.send('GET', '/releases')).json();
    expect(list).toHaveLength(count);
    const together = (await app.send('GET', '?include=releases')).json();
    expect(together).toMatchObject({ name, slug: app.slug, deleted: [], releases: list });
  },
);

const NOTES = 'ä'.repeat(30_000);

test('attack H1: lists with long notes are the same whole, in pages and brief', async () => {
  const server = await startServer();
  const app = await Publisher.on(server);
  const versions = Array.from({ length: 30 }, (_, patch) => `1.0.${29 - patch}`);
  for (const version of versions) {
    const release = { appId: app.id, version, notes: NOTES, signature: 's', draft: true };
    await createRelease(server.database.queries, release, by(new Date()));
  }
  const whole = (await app.send('GET', '/releases')).json();
  expect(whole.map(({ version }: { version: string }) => version)).toEqual(versions);
  expect(whole[7]).toMatchObject({ notes: NOTES, signature: 's', status: 'draft' });
  const first = await app.send('GET', '/releases?limit=20');
  const [, next = ''] = /<[^>]*\/releases([^>]*)>; rel="next"/.exec(String(first.headers.link)) ?? [];
  const second = await app.send('GET', `/releases${next}`);
  expect(second.headers.link).toBeUndefined();
  expect([...first.json(), ...second.json()]).toEqual(whole);
  const brief = (await app.send('GET', '/releases?brief=true')).json();
  expect(brief).toEqual(whole.map(({ notes: _, signature: __, ...rest }: Record<string, unknown>) => rest));
  const one = await app.send('GET', '/releases?release=1.0.7');
  expect(one.json()).toEqual([whole[22]]);
  expect((await app.send('GET', '/releases?release=9.9.9')).json()).toEqual([]);
});
