import { expect, onTestFinished, test, vi } from 'vitest';
import { setApproval, setCohortFallback } from '../../../src/database/queries/apps.ts';
import { cohortOrder } from '../../../src/protocol/rollout/cohort.ts';
import { LINUX, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';

const PATH = '/api/sync/ota/my-app/linux/x86_64';
const HOUR = 3_600_000;

/** Two nodes with one clock, which stands still once it is set. */
async function startNodes(store: Store, checkMaxAge = 0) {
  let set: number | undefined;
  const time = {
    get now() {
      return set ?? Date.now();
    },
    set now(now: number) {
      set = now;
    },
  };
  const overrides = { clock: () => new Date(time.now), checkMaxAge };
  const [server, other] = [await store.open(overrides), await store.open(overrides)];
  onTestFinished(() => other.close());
  onTestFinished(() => server.close());
  const listening = await Promise.all([server, other].map((node) => node.listen()));
  for (const { drain } of listening) onTestFinished(drain);
  const publisher = await Publisher.on(server);
  const urls = listening.map(({ url }) => url);
  /** As an installed app, over a connection, so that the fast path is taken too. */
  const ask = async (headers: Record<string, string> = {}, path = `${PATH}/0.9.0`, node = 0) => {
    const response = await fetch(urls[node] + path, { headers });
    const body = await response.text();
    return { response, body, version: body === '' ? undefined : (JSON.parse(body).version as string) };
  };
  /** The versions that each cohort gets, twice in turn. */
  const askAll = async (node = 0) => {
    const versions: (string | undefined)[] = [];
    for (let cohort = 0; cohort < 100; cohort++) {
      const asked = await ask({ 'x-ota-cohort': String(cohort) }, undefined, node);
      versions.push(asked.version);
      expect((await ask({ 'X-OTA-Cohort': String(cohort) }, undefined, node)).version).toBe(asked.version);
      expect((await ask({}, `${PATH}/0.9.0?cohort=${cohort}`, node)).version).toBe(asked.version);
    }
    return versions;
  };
  const change = async (id: string, body: object, as = publisher) =>
    requireStatus(await as.send('PATCH', `/releases/${id}`, { body }), 200).json();
  return { time, publisher, ask, askAll, change, server, other };
}

type Nodes = Awaited<ReturnType<typeof startNodes>>;

async function publishPartly({ publisher }: Nodes, version: string, rollout: object): Promise<string> {
  const created = await publisher.send('POST', '/releases', { body: { version, draft: true, rollout } });
  const { id } = requireStatus(created, 201).json();
  const bytes = Buffer.from(`file of ${version}`);
  const fields = { signature: 's' };
  const upload = await publisher.requestUpload(id, bytes.length, LINUX, fields);
  await publisher.upload(id, upload, bytes);
  await vi.waitFor(async () => requireStatus(await publisher.send('POST', `/releases/${id}/publish`), 200), {
    timeout: 10_000,
  });
  return id;
}

describeOnEachStore('rollouts', ({ start }) => {
  test('a share of the cohorts gets a release, stays in as it grows, and the others get the one before', async () => {
    const nodes = await startNodes(await start());
    const { publisher, ask, askAll, change } = nodes;
    await publisher.publish('1.0.0');
    const id = await publishPartly(nodes, '1.1.0', { percent: 10 });
    const order = cohortOrder(id);
    const at10 = await askAll();
    expect(at10.map((version) => version === '1.1.0')).toEqual([...order].map((place) => place < 10));
    expect(at10.filter((version) => version === '1.0.0')).toHaveLength(90);
    expect((await ask()).version).toBe('1.0.0');
    expect((await ask({ 'x-ota-manual': '1' })).version).toBe('1.1.0');
    for (const wrong of ['100', '-1', 'x', '']) {
      expect((await ask({ 'x-ota-cohort': wrong })).version).toBe('1.0.0');
      expect((await ask({}, `${PATH}/0.9.0?cohort=${wrong}`)).version).toBe('1.0.0');
    }
    expect(await change(id, { rollout: { percent: 25 } })).toMatchObject({
      rollout: { percent: 25, share: 25, state: 'partial' },
    });
    expect((await askAll()).map((version) => version === '1.1.0')).toEqual(
      [...order].map((place) => place < 25),
    );
    expect(await change(id, { rollout: null })).not.toHaveProperty('rollout');
    expect((await ask()).version).toBe('1.1.0');
    expect(new Set(await askAll())).toEqual(new Set(['1.1.0']));
  });

  test('a pause holds a release back from all, also from users who ask, and its rollout stays', async () => {
    const nodes = await startNodes(await start());
    const { publisher, ask, change } = nodes;
    await publisher.publish('1.0.0');
    const id = await publishPartly(nodes, '1.1.0', { percent: 40 });
    const first = String(cohortOrder(id).indexOf(0));
    expect((await ask({ 'x-ota-cohort': first })).version).toBe('1.1.0');
    const paused = await change(id, { paused: true }, await yanker(nodes));
    expect(paused).toMatchObject({
      paused_at: expect.any(String),
      rollout: { percent: 40, state: 'partial' },
    });
    for (const headers of [{ 'x-ota-cohort': first }, { 'x-ota-manual': '1' }, {}])
      expect((await ask(headers)).version).toBe('1.0.0');
    expect((await publisher.send('GET', '/releases')).json()[0]).toMatchObject({
      version: '1.1.0',
      ...paused,
    });
    const resumed = await change(id, { paused: false }, await yanker(nodes));
    expect(resumed).not.toHaveProperty('paused_at');
    expect((await ask({ 'x-ota-cohort': first })).version).toBe('1.1.0');
    expect((await ask()).version).toBe('1.0.0');
    const scopes = ['release:publish', 'release:edit'];
    const other = publisher.with(await nodes.server.createToken(publisher.id, { scopes }));
    const refused = await other.send('PATCH', `/releases/${id}`, { body: { paused: true } });
    expect(refused.json()).toMatchObject({ code: 'forbidden' });
  });

  test('a change is seen on the other node within a second', async () => {
    const nodes = await startNodes(await start());
    const { publisher, ask, change } = nodes;
    await publisher.publish('1.0.0');
    const id = await publishPartly(nodes, '1.1.0', { percent: 10 });
    const seen = async (version: string, headers = {}) => {
      const check = async () => expect((await ask(headers, undefined, 1)).version).toBe(version);
      await vi.waitFor(check, { timeout: 1000, interval: 10 });
    };
    await seen('1.0.0');
    await change(id, { rollout: null });
    await seen('1.1.0');
    await change(id, { paused: true }, await yanker(nodes));
    await seen('1.0.0', { 'x-ota-manual': '1' });
    await change(id, { paused: false }, await yanker(nodes));
    await seen('1.1.0');
  });

  test('a schedule and a ramp go on by themselves, and no cache keeps an answer longer than it holds', async () => {
    const nodes = await startNodes(await start(), 600);
    const { publisher, ask, askAll, time } = nodes;
    await publisher.publish('1.0.0');
    const at = Math.ceil((time.now + HOUR) / 1000) * 1000;
    const id = await publishPartly(nodes, '1.1.0', {
      at: new Date(at).toISOString(),
      over: (95 * HOUR) / 1000,
    });
    const place = (n: number) => ({ 'x-ota-cohort': String(cohortOrder(id).indexOf(n)) });
    const cacheControl = async (headers = {}) => (await ask(headers)).response.headers.get('cache-control');
    const expectPlaces = async (share: number) => {
      for (const node of [0, 1]) {
        if (share > 0) expect((await ask(place(share - 1), undefined, node)).version).toBe('1.1.0');
        if (share < 100) expect((await ask(place(share), undefined, node)).version).toBe('1.0.0');
      }
    };
    await expectPlaces(0);
    expect((await ask({ 'x-ota-manual': '1' })).version).toBe('1.0.0');
    expect(await cacheControl()).toBe('public, max-age=600');
    time.now = at - 30_000;
    expect(await cacheControl(place(0))).toBe('private, max-age=30');
    time.now = at - 500;
    for (let i = 0; i < 3; i++) expect(await cacheControl()).toBe('no-store');
    time.now = at - 1;
    await expectPlaces(0);
    time.now = at;
    await expectPlaces(5);
    expect(await cacheControl()).toBe('public, max-age=600');
    time.now = at + HOUR - 1;
    await expectPlaces(5);
    time.now = at + HOUR;
    await expectPlaces(6);
    time.now = at + 95 * HOUR - 1;
    await expectPlaces(99);
    expect((await ask()).version).toBe('1.0.0');
    time.now = at + 95 * HOUR;
    expect(new Set(await askAll())).toEqual(new Set(['1.1.0']));
    expect((await ask()).version).toBe('1.1.0');
    expect((await ask()).response.headers.get('vary')).toBe('x-ota-channel');
  });

  test('what differs by cohort says so to caches, and answers of one cohort are not another’s', async () => {
    const nodes = await startNodes(await start(), 60);
    const { publisher, ask } = nodes;
    await publisher.publish('1.0.0');
    expect((await ask({ 'x-ota-cohort': '3' })).response.headers.get('vary')).toBe('x-ota-channel');
    const id = await publishPartly(nodes, '1.1.0', { percent: 1 });
    const [inside, outside] = [0, 1].map((n) => ({ 'x-ota-cohort': String(cohortOrder(id).indexOf(n)) }));
    const a = (await ask(inside)).response.headers;
    const b = (await ask(outside)).response.headers;
    expect(a.get('vary')).toBe('x-ota-channel, x-ota-cohort, x-ota-manual');
    expect(a.get('etag')).not.toBe(b.get('etag'));
    const tag = { 'if-none-match': b.get('etag') ?? '' };
    for (let i = 0; i < 3; i++) {
      expect((await ask({ ...outside, ...tag })).response.status).toBe(304);
      expect((await ask({ ...inside, ...tag })).response.status).toBe(200);
    }
  });

  test('one file for all has a release only once it is for everyone, however apps get their cohorts', async () => {
    const nodes = await startNodes(await start());
    const { publisher, server, change, time } = nodes;
    await publisher.publish('1.0.0');
    const id = await publishPartly(nodes, '1.1.0', { percent: 99 });
    const shown = async () => (await publisher.get('/api/sync/ota/my-app/latest.json')).json().version;
    for (const fallback of ['hold', 'address'] as const) {
      await setCohortFallback(server.database.queries, { appId: publisher.id, fallback }, by());
      for (let day = 0; day < 5; day++) {
        expect(await shown()).toBe('1.0.0');
        time.now += 24 * HOUR;
      }
    }
    await change(id, { rollout: { percent: 100 } });
    expect(await shown()).toBe('1.1.0');
  });

  test('apps without a cohort get one by their address, where their app has chosen that', async () => {
    const nodes = await startNodes(await start(), 60);
    const { publisher, ask, server, time } = nodes;
    await publisher.publish('1.0.0');
    await publishPartly(nodes, '1.1.0', { percent: 50 });
    await setCohortFallback(server.database.queries, { appId: publisher.id, fallback: 'address' }, by());
    const at = async (n: number) => {
      const reply = await server.app.inject({
        url: `${PATH}/0.9.0`,
        remoteAddress: `198.51.${n >> 8}.${n & 255}`,
      });
      expect(reply.headers['cache-control']).toMatch(/^private|^no-store/);
      return reply.json().version as string;
    };
    const today = await Promise.all(Array.from({ length: 300 }, (_, n) => at(n)));
    const share = today.filter((version) => version === '1.1.0').length;
    expect(share).toBeGreaterThan(100);
    expect(share).toBeLessThan(200);
    expect(await Promise.all(Array.from({ length: 300 }, (_, n) => at(n)))).toEqual(today);
    time.now += 24 * HOUR;
    expect(await Promise.all(Array.from({ length: 300 }, (_, n) => at(n)))).not.toEqual(today);
    expect((await ask({ 'x-ota-cohort': 'none' })).response.headers.get('cache-control')).toMatch(
      /^private|^no-store/,
    );
  });

  test('the link to the latest release follows, and downloads of a release that is held back work', async () => {
    const nodes = await startNodes(await start(), 600);
    const { publisher, change, time } = nodes;
    await publisher.publish('1.0.0');
    const at = Math.ceil((time.now + HOUR) / 1000) * 1000;
    const id = await publishPartly(nodes, '1.1.0', { at: new Date(at).toISOString() });
    const latest = () => publisher.get('/api/sync/ota/my-app/latest/linux/x86_64');
    expect((await latest()).headers.location).not.toContain(id);
    time.now = at - 10_000;
    expect((await latest()).headers['cache-control']).toBe('public, max-age=10');
    time.now = at;
    expect((await latest()).headers.location).toContain(id);
    await change(id, { paused: true }, await yanker(nodes));
    expect((await latest()).headers.location).not.toContain(id);
    requireStatus(await publisher.download(id), 302);
  });

  test('where an app requires approval, its uploader offers a release to no more apps', async () => {
    const nodes = await startNodes(await start());
    const { publisher, server, change } = nodes;
    const ci = publisher.with(
      await server.createToken(publisher.id, {
        scopes: ['release:upload', 'release:publish', 'release:yank'],
      }),
    );
    const id = await publishPartly({ ...nodes, publisher: ci }, '1.0.0', { percent: 1 });
    await setApproval(server.database.queries, { appId: publisher.id, approval: true }, by());
    await change(id, { paused: true }, ci);
    for (const body of [{ rollout: null }, { rollout: { percent: 50 } }, { paused: false }])
      expect((await ci.send('PATCH', `/releases/${id}`, { body })).json()).toMatchObject({
        code: 'approval_required',
      });
    await change(id, { rollout: { percent: 50 } });
    await change(id, { paused: false }, await yanker(nodes));
  });

  test('each change is recorded, with what was before', async () => {
    const nodes = await startNodes(await start());
    const { server, change } = nodes;
    const id = await publishPartly(nodes, '1.0.0', { percent: 1 });
    await change(id, { rollout: { percent: 50 } });
    await change(id, { paused: true }, await yanker(nodes));
    await change(id, { paused: true }, await yanker(nodes));
    await change(id, { paused: false }, await yanker(nodes));
    const rows = await server.database.queries
      .selectFrom('audit')
      .select(['action', 'details'])
      .where('action', 'in', ['release.rollout_set', 'release.paused', 'release.resumed'])
      .orderBy('seq')
      .execute();
    expect(rows.map(({ action }) => action)).toEqual([
      'release.rollout_set',
      'release.paused',
      'release.resumed',
    ]);
    expect(JSON.parse(rows[0]?.details ?? '')).toMatchObject({
      version: '1.0.0',
      rollout: { before: '{"percent":1}', after: '{"percent":50}' },
    });
  });

  test.each([
    [{ percent: 101 }],
    [{ percent: 1.5 }],
    [{ over: 1 }],
    [{ at: 'tomorrow' }],
    [{ at: '2026-02-31T99:00:00Z' }],
    ['10%'],
  ])('refuses the rollout %j', async (rollout) => {
    const { publisher } = await startNodes(await start());
    const reply = await publisher.send('POST', '/releases', {
      body: { version: '1.0.0', draft: true, rollout },
    });
    expect(reply.json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

async function yanker({ publisher, server }: Nodes): Promise<Publisher> {
  return publisher.with(await server.createToken(publisher.id, { scopes: ['release:yank'] }));
}
