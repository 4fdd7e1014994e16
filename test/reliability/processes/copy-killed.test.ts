import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { PostgresProxy } from '../../support/postgres/postgres-proxy.ts';
import { type Running, start, startServe } from '../../support/process/binary.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { spread, times } from '../../support/process/torture.ts';
import { runJson } from '../../support/publish/world.ts';
import type { Answer, Operation } from '../../support/s3/fake-s3/operations.ts';
import { fakeS3Place, placeIn, type S3Place } from '../../support/s3/s3-place.ts';
import { copyArgs, fillStore } from '../../support/server/small-store.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

const MOMENTS = times(8, 100);
/** Two are sent in parts of 5 MiB. */
const SIZES = [1000, 17_000_000, 2000, 9_000_000, 3000];

/** When a copy is killed: at its nth request to the store or message to the database, before or after that arrives. */
interface Moment {
  readonly at: 'request' | 'message';
  readonly nth: number;
  readonly taken: boolean;
}

describeOnPostgres('a copy that is killed', () => {
  const postgres = usePostgres();

  async function openWorld() {
    const dataDir = join(await tempFolder(), 'data');
    await fillStore(dataDir, SIZES);
    const { fake } = await fakeS3Place();
    const proxy = await PostgresProxy.to(postgres.server);
    const counts = { request: 0, message: 0 };
    /** The file data that was sent and accepted, by key and part. */
    const taken: string[] = [];
    let kill: { moment: Moment; running: Running } | undefined;
    /** @returns whether it is lost on the way */
    const count = (at: Moment['at']): boolean => {
      counts[at]++;
      if (kill?.moment.at !== at || kill.moment.nth !== counts[at]) return false;
      kill.running.kill('SIGKILL');
      return !kill.moment.taken;
    };
    fake.intercept = ({ method, key, query }: Operation): Answer | undefined => {
      if (count('request')) return { status: 503 };
      if (method === 'PUT' && key.includes('/artifacts/key-of'))
        taken.push(`${key} ${query.get('partNumber') ?? 'whole'}`);
      return undefined;
    };
    proxy.onMessage = () => void count('message');
    const open = async () => {
      Object.assign(counts, { request: 0, message: 0 });
      taken.length = 0;
      const place = placeIn(fake.url, fake.bucket);
      const database = await postgres.server.createDatabase();
      const env = { SYNCKIT_OTA_DATABASE: proxy.url(database) };
      return { place, env, args: copyArgs(dataDir, place) };
    };
    const killAt = (moment: Moment, running: Running) => {
      kill = { moment, running };
    };
    const spare = () => {
      kill = undefined;
    };
    return { dataDir, fake, counts, taken, open, killAt, spare };
  }

  /** The offer for each file, by a server on the copy. */
  async function expectWhole(dataDir: string, place: S3Place, env: Record<string, string>): Promise<void> {
    const server = await startServe(join(dataDir, 'none'), storageOptions(place), { env });
    onTestFinished(async () => void (await server.stop('SIGKILL')));
    const check = await fetch(`${server.url}/api/sync/ota/my-app/linux/x86_64/1.0.0`);
    const { version, url } = (await check.json()) as { version: string; url: string };
    expect(version).toBe(`1.${SIZES.length - 1}.0`);
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(SIZES.at(-1));
    expect(await server.stop()).toBe(0);
  }

  test(
    `at any of ${MOMENTS} moments is finished by the next, which sends only what is missing`,
    async () => {
      const { dataDir, fake, counts, taken, open, killAt, spare } = await openWorld();
      const undisturbed = await open();
      expect(await runJson(undisturbed.args, undisturbed)).toMatchObject({ code: 0 });
      const { request, message } = counts;
      const sent = taken.length;
      expect(sent).toBe(3 + 4 + 2);
      const moments: Moment[] = [
        ...Array.from({ length: request }, (_, i) =>
          [true, false].map((was) => ({ at: 'request' as const, nth: i + 1, taken: was })),
        ),
        ...Array.from({ length: message }, (_, i) => [{ at: 'message' as const, nth: i + 1, taken: true }]),
      ].flat();

      let killed = 0;
      let sentAgain = 0;
      for (const moment of spread(moments, MOMENTS)) {
        const { args, env, place } = await open();
        const running = start(args, { env });
        killAt(moment, running);
        const { code } = await running.finished;
        spare();
        killed += code === null ? 1 : 0;
        await sleep(50); // what was on its way arrives, or does not
        const arrived = taken.length;
        const again = await runJson(args, { env });
        expect(again, `${JSON.stringify(moment)} ${again.stderr}`).toMatchObject({ code: 0 });
        sentAgain += taken.length - new Set(taken).size;
        expect(taken.length - arrived, JSON.stringify(moment)).toBe(sent - arrived);
        expect(await runJson(args, { env })).toMatchObject({ code: 0, document: { status: 'unchanged' } });
        const ofPlace = [...fake.store.objects.keys()].filter((key) => key.startsWith(place.location.prefix));
        // Objects that a killed probe leaves have other names, and maintenance removes them.
        expect(ofPlace.filter((key) => key.includes('/artifacts/key-of'))).toHaveLength(SIZES.length);
        const uploads = [...fake.store.uploads.values()].filter(({ key }) => key.includes('/key-of'));
        expect(uploads).toEqual([]);
        await expectWhole(dataDir, place, env);
        for (const key of ofPlace) fake.store.delete(key);
      }
      console.log(`copy: killed ${killed} of ${MOMENTS} times, ${sentAgain} of its parts were sent again`);
      expect(killed).toBeGreaterThan(MOMENTS / 2);
      expect(sentAgain).toBe(0);
    },
    times(120_000, 1_200_000),
  );
});
