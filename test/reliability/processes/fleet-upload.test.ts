import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { describeOnFleet } from '../../support/server/fleet.ts';
import type { FleetNode } from '../../support/server/fleet-node.ts';
import { openFleetWorld } from '../../support/server/fleet-world.ts';
import { sha256Of } from '../../support/tauri/local-file.ts';

const PATIENCE = { timeout: 15_000, interval: 50 };

describeOnFleet('an upload', (suite) => {
  test('that a node was finalizing when it died is completed by another node', {
    timeout: 90_000,
  }, async () => {
    const { nodes, database, call, offered } = await openFleetWorld(await suite.startFleet());
    const [first, second, third] = nodes as [FleetNode, FleetNode, FleetNode];
    const others = [second, third];
    const bytes = randomBytes(30_000_000);
    const artifact = {
      ...{ target: 'linux', arch: 'x86_64', file_size: bytes.length, signature: 'of these bytes' },
      sha256: sha256Of(bytes),
    };
    const { id } = (await call('POST', '/releases', { version: '1.1.0' })).document;
    const path = `/releases/${id}/artifacts`;
    const { upload_id, upload_url } = (await call('POST', path, artifact)).document;
    for (const node of others) node.pause(); // so that it is the first that takes it
    expect(await fetch(upload_url, { method: 'PUT', body: bytes })).toMatchObject({ ok: true });
    const claim = () =>
      database.queries.selectFrom('artifacts').select(['status', 'leased_until']).where('id', '=', upload_id);
    await vi.waitFor(
      async () => expect(await claim().executeTakeFirst()).not.toMatchObject({ leased_until: 0 }),
      { ...PATIENCE, interval: 1 },
    );
    await first.kill();
    expect(await claim().executeTakeFirst()).toMatchObject({ status: 'pending' });

    for (const node of others) node.resume();
    const complete = () => call('POST', `${path}/${upload_id}/complete`, undefined, second.url);
    const answers = [await complete()];
    expect(answers[0]?.status, 'the claim of the dead holds for a while').toBe(202);
    while (answers.at(-1)?.status === 202) answers.push(await complete());
    expect(answers.at(-1)?.status).toBe(200);
    for (const { url } of others) await vi.waitFor(async () => expect(await offered(url)).toBe('1.1.0'));
  });
});
