import { expect, test } from 'vitest';
import { markLost } from '../../../src/database/queries/lost-files.ts';
import { OtaError } from '../../../src/errors.ts';
import { countedStorage } from '../../../src/server/metrics/counted-storage.ts';
import { Metrics } from '../../../src/server/metrics/metrics.ts';
import { Publisher } from '../../support/publish/publisher.ts';
import { readScrape } from '../../support/server/scraped.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';
import { hookTo } from '../../support/server/webhook-receiver.ts';

describeOnEachStore('metrics', ({ start, files }) => {
  test('count what the server does, and what is in the store', async () => {
    const metrics = await Metrics.load();
    const store = await start();
    const server = await store.open({ counters: metrics.counters, onAnswered: metrics.observeRequest });
    metrics.watchStore(server.services);
    const { url } = await server.listen();
    const publisher = await Publisher.on(server);
    const { queries } = server.database;
    await publisher.publish('1.0.0', Buffer.from('the file of 1.0.0'));
    await hookTo(queries, { url: 'http://127.0.0.1:1/' });
    await publisher.requestUpload(await publisher.createRelease('2.0.0'), 5);
    const check = `${url}/api/sync/ota/my-app/linux/x86_64`;
    for (let i = 0; i < 5; i++) await (await fetch(`${check}/0.9.0`)).text();
    const { headers } = await fetch(`${check}/0.9.0`);
    const etag = headers.get('etag');
    if (etag !== null) await fetch(`${check}/0.9.0`, { headers: { 'if-none-match': etag } });
    for (let i = 0; i < 3; i++) await fetch(`${check}/1.0.0`);
    expect((await fetch(`${url}/api/sync/ota/none/linux/x86_64/1.0.0`)).status).toBe(404);
    const offer = (await (await fetch(`${check}/0.9.0`)).json()) as { url: string };
    await (await fetch(offer.url)).arrayBuffer();
    const { storage_key } = await queries
      .selectFrom('artifacts')
      .select('storage_key')
      .where('status', '=', 'complete')
      .executeTakeFirstOrThrow();
    await markLost(queries, [storage_key ?? ''], new Date());
    const { samples } = readScrape(await metrics.text());
    const value = (name: string) => samples.get(`synckit_ota_${name}`);
    expect(value('checks_total{status="200"}')).toBe(7);
    expect(value('checks_total{status="204"}')).toBe(3);
    expect(value('checks_total{status="404"}')).toBe(1);
    if (etag !== null) expect(value('checks_total{status="304"}')).toBe(1);
    expect(value('refusals_total{code="not_found"}')).toBeGreaterThanOrEqual(1);
    expect(value('download_redirects_total')).toBeGreaterThanOrEqual(1);
    expect(value('http_requests_total{route="createRelease",status="201"}')).toBe(2);
    expect(value('database_up')).toBe(1);
    expect(value('storage_up')).toBe(1);
    expect(value('pending_uploads')).toBe(1);
    expect(value('lost_files')).toBe(1);
    expect(value('webhook_messages_waiting')).toBeGreaterThanOrEqual(1);
    expect(value('maintenance_rounds_total')).toBe(1);
    expect(value('http_requests_in_flight')).toBe(0);
    if (files === 'disk') {
      const all = [
        'downloads_started_total',
        'downloads_finished_total',
        'uploads_total{outcome="accepted"}',
      ];
      expect(all.map(value)).toEqual([1, 1, 1]);
      expect(value('upload_bytes_total')).toBe(17);
      expect(value('download_bytes_total')).toBeGreaterThanOrEqual(17);
      expect(value('download_bytes_total')).toBeLessThan(2000);
    }
  }, 60_000);
});

test('what a storage cannot do is counted, and it stays what it is', async () => {
  class Broken {
    readonly remote = false;
    #checks = 0;
    async check() {
      this.#checks += 1;
      if (this.#checks === 1) throw new OtaError('store_unavailable', 'gone');
      if (this.#checks === 2) throw new TypeError('a bug');
    }
  }
  let errors = 0;
  const storage = countedStorage(new Broken() as never, () => {
    errors += 1;
  }) as Broken;
  expect(storage).toBeInstanceOf(Broken);
  await expect(storage.check()).rejects.toThrow('gone');
  await expect(storage.check()).rejects.toThrow('a bug');
  await storage.check();
  expect(errors).toBe(1);
});
