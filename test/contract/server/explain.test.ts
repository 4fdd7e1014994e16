import { expect, onTestFinished, test } from 'vitest';
import type { ExplainResponse, SimulateResponse } from '../../../src/protocol/messages.ts';
import { Publisher, requireStatus } from '../../support/publish/publisher.ts';
import type { TestServer } from '../../support/server/server.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

async function publisherOn(server: TestServer): Promise<Publisher> {
  onTestFinished(() => server.close());
  const publisher = await Publisher.on(server);
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await publisher.publish(version, Buffer.from(version));
  return publisher;
}

const explain = async (publisher: Publisher, query: string): Promise<ExplainResponse> =>
  requireStatus(await publisher.send('GET', `/explain?target=linux&arch=x86_64&${query}`), 200).json();
const simulate = async (publisher: Publisher, body: object): Promise<SimulateResponse> =>
  requireStatus(await publisher.send('POST', '/simulate', { body }), 200).json();
const idOf = async (publisher: Publisher, version: string) => {
  const releases = requireStatus(await publisher.send('GET', '/releases'), 200).json();
  return releases.find((one: { version: string }) => one.version === version).id as string;
};
const change = async (publisher: Publisher, version: string, body: object) =>
  requireStatus(await publisher.send('PATCH', `/releases/${await idOf(publisher, version)}`, { body }), 200);
const rules = ({ releases }: ExplainResponse) => releases.map(({ version, rule }) => `${version} ${rule}`);

describeOnEachStore('explain and simulate', ({ start }) => {
  test('a check is explained as it is answered', async () => {
    const store = await start();
    const server = await store.open();
    const publisher = await publisherOn(server);
    expect(rules(await explain(publisher, 'version=1.2.0'))).toEqual(['1.2.0 not_newer']);
    await change(publisher, '1.2.0', { rollout: { percent: 0 } });
    await change(publisher, '1.1.0', { mandatory: true });
    const partial = await explain(publisher, 'version=0.9.0&cohort=7');
    expect(rules(partial)).toEqual(['1.2.0 cohort', '1.1.0 offered']);
    expect(partial).toMatchObject({ cohort: 7, update: { version: '1.1.0', mandatory: true } });
    expect(partial.notes.map(({ rule }) => rule)).toEqual(['mandatory', 'more_steps']);
    expect(rules(await explain(publisher, 'version=0.9.0'))).toEqual(['1.2.0 no_cohort', '1.1.0 offered']);
    expect(rules(await explain(publisher, 'version=0.9.0&manual=1'))).toEqual(['1.2.0 offered']);
    await change(publisher, '1.2.0', { paused: true });
    await change(publisher, '1.1.0', { status: 'yanked', rolled_back: true });
    const paused = await explain(publisher, 'version=1.0.0');
    expect(rules(paused)).toEqual(['1.2.0 paused', '1.1.0 rolled_back', '1.0.0 not_newer']);
    expect(rules(await explain(publisher, 'version=1.1.0&downgrade=1')).at(-1)).toBe('1.0.0 downgrade');
    const mac = await publisher.send('GET', '/explain?version=0.9.0&target=darwin&arch=aarch64');
    expect(mac.json()).toMatchObject({ update: null, platform: 'darwin-aarch64' });
    expect(rules(mac.json())).toEqual(['1.2.0 platform', '1.1.0 rolled_back', '1.0.0 platform']);
  });

  test('a change is simulated, and then is what was simulated', async () => {
    const store = await start();
    const server = await store.open();
    const publisher = await publisherOn(server);
    const next = {
      version: '1.3.0',
      artifacts: [{ target: 'linux', arch: 'x86_64' }],
      rollout: { percent: 10 },
    };
    const published = await simulate(publisher, next);
    const of = (simulated: SimulateResponse, version: string) =>
      simulated.cells.find((cell) => cell.version === version && cell.platform === 'linux-x86_64');
    expect(published).toMatchObject({ source: 'versions', changed: 3, omitted: 0 });
    expect(of(published, '1.0.0')).toMatchObject({
      today: { shares: [{ version: '1.2.0', share: 100 }] },
      after: {
        shares: [
          { version: '1.2.0', share: 90 },
          { version: '1.3.0', share: 10 },
        ],
        without_cohort: '1.2.0',
      },
    });
    const yanked = await simulate(publisher, { version: '1.2.0', status: 'yanked' });
    expect(of(yanked, '1.0.0')?.after.shares).toMatchObject([{ version: '1.1.0' }]);
    await change(publisher, '1.2.0', { status: 'yanked' });
    const again = await simulate(publisher, { version: '1.2.0', status: 'yanked' });
    expect(of(again, '1.0.0')).toMatchObject({ changed: false, today: of(yanked, '1.0.0')?.after });
  });

  test('questions are refused that make no sense, and without a token', async () => {
    const store = await start();
    const server = await store.open();
    const publisher = await publisherOn(server);
    for (const query of ['version=x', 'version=1.0.0&cohort=100', 'version=1.0.0&pubkey=no-key'])
      expect((await publisher.send('GET', `/explain?target=linux&arch=x86_64&${query}`)).statusCode).toBe(
        400,
      );
    const bodies: [object, number][] = [
      [{ version: '9.0.0' }, 404],
      [{ version: '1.2.0', requires: '1.2.0' }, 400],
      [{ version: '1.2.0', embedded_pubkey: 'no-key' }, 400],
      [{ version: '1.2.0', status: 'gone' }, 400],
    ];
    for (const [body, status] of bodies)
      expect((await publisher.send('POST', '/simulate', { body })).statusCode, JSON.stringify(body)).toBe(
        status,
      );
    const path = `/api/sync/ota/apps/${publisher.id}/explain?version=1.0.0&target=linux&arch=x86_64`;
    expect((await server.app.inject(path)).statusCode).toBe(401);
  });
});
