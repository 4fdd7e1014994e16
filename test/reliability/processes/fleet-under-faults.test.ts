import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { S3Storage } from '../../../src/storage/s3/s3-storage.ts';
import { CommandPublisher } from '../../support/fleet/command-publisher.ts';
import { disturb, type Fault, type Recovery } from '../../support/fleet/disturb.ts';
import { Ledger, versionOf } from '../../support/fleet/ledger.ts';
import { Outages, RECOVERY_MS } from '../../support/fleet/outages.ts';
import { PlainPublisher } from '../../support/fleet/plain-publisher.ts';
import { Watch } from '../../support/fleet/watch.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { addApp } from '../../support/server/add-app.ts';
import { describeOnFleet, type Fleet } from '../../support/server/fleet.ts';
import { listReleases } from '../../support/server/list-releases.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { openTestServer } from '../../support/server/server.ts';
import { sha256Of } from '../../support/tauri/local-file.ts';

const FAULTS = times(8, 200);
const RESTARTS = times(2, 20);
const APPS = 3;
/** Longer than the time after which orphaned files are removed, in milliseconds. */
const LATER_MS = 25 * 60 * 60 * 1000;

/** Continues until `isOver` says so. */
type Load = (isOver: () => boolean) => Promise<void>;

function repeat(work: () => Promise<unknown>, pauseMs: number): Load {
  return async (isOver) => {
    for (; !isOver(); await sleep(pauseMs)) await work();
  };
}

/** Expects everything that was acknowledged and nothing else, once all work has ended. */
async function audit({ nginx, place, database }: Fleet, ledgers: readonly Ledger[]): Promise<number> {
  let files = 0;
  for (const ledger of ledgers) {
    const releases = await listReleases(nginx.url.origin, ledger.app);
    expect(releases.map(({ version }) => version).sort()).toEqual(ledger.live.map(versionOf).sort());
    for (const { id, version } of releases) {
      const path = `/api/sync/ota/${ledger.slug}/download/${id}/linux/x86_64`;
      const download = await fetch(new URL(path, nginx.url));
      expect(sha256Of(Buffer.from(await download.arrayBuffer()))).toBe(ledger.find(version)?.sha256);
      files++;
    }
  }
  await keepUp({ place, database });
  expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: files, uploads: [] });
  return files;
}

/** Runs a node's maintenance as of a day later. */
async function keepUp({ place, database }: Pick<Fleet, 'place' | 'database'>): Promise<void> {
  const storage = await S3Storage.open({ ...place, clock: database.clock });
  const clock = () => new Date(database.clock().getTime() + LATER_MS);
  const later = await openTestServer(await tempFolder(), { database, storage, clock });
  await later.app.close();
  await maintainOnce(later.services);
  storage.close();
}

function describeRecoveries(recoveries: readonly Recovery[]): string[] {
  const faults: readonly Fault[] = ['kill', 'pause', 'restart of PostgreSQL'];
  return faults.map((fault) => {
    const took = recoveries.filter((recovery) => recovery.fault === fault).map((recovery) => recovery.took);
    const sorted = took.map(Math.round).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    const slow = took.filter((time) => time > RECOVERY_MS).length;
    return `after each ${fault}: ${sorted.length} recoveries, median ${median} ms, longest ${sorted.at(-1)} ms, ${slow} of more than ${RECOVERY_MS} ms`;
  });
}

describeOnFleet('three nodes', (suite) => {
  test(
    `R70 lose nothing and give no wrong response during ${FAULTS} kills and pauses of nodes and ${RESTARTS} restarts of PostgreSQL under load`,
    async () => {
      const fleet = await suite.startFleet();
      const { nodes, nginx, database } = fleet;
      const ledgers: Ledger[] = [];
      for (let i = 0; i < APPS; i++)
        ledgers.push(new Ledger(`app-${i}`, await addApp(database, { name: 'App', slug: `app-${i}` })));
      const outages = new Outages(suite.postgres);
      const watch = new Watch(outages, nodes);
      const server = nginx.url.origin;
      const [first, ...rest] = ledgers as [Ledger, ...Ledger[]];
      const command = new CommandPublisher(server, first, await tempFolder());
      const publishers = [command, ...rest.map((ledger) => new PlainPublisher(server, ledger))];
      await Promise.all(publishers.map((publisher) => publisher.goOn()));
      await sleep(1000);

      const servers = [server, ...nodes.map(({ url }) => url)];
      const load: Load[] = [
        ...publishers.map((publisher) => repeat(() => publisher.goOn(), 100)),
        ...servers.flatMap((url) => ledgers.map((ledger) => repeat(() => watch.check(url, ledger), 100))),
        ...ledgers.map((ledger) => repeat(() => watch.download(server, ledger), 300)),
      ];
      let over = false;
      const working = Promise.all(load.map((work) => work(() => over)));
      working.catch(() => {}); // reported below
      const isRight = ({ url }: { url: string }) => watch.isRight(url, ledgers);
      const began = performance.now();
      const disturbing = disturb({ nodes, outages, isRight, faults: FAULTS, restarts: RESTARTS });
      const recoveries = await Promise.race([disturbing, working.then(() => [])]);
      over = true;
      await working;
      const minutes = (performance.now() - began) / 60_000;

      expect([...watch.violations]).toEqual([]);
      const files = await audit(fleet, ledgers);
      const acknowledged = publishers.reduce((sum, publisher) => sum + publisher.acknowledged, 0);
      const lost = watch.unanswered.get(server) ?? 0;
      console.log(
        [
          `${FAULTS} kills and pauses, ${RESTARTS} restarts of PostgreSQL in ${minutes.toFixed(1)} minutes:`,
          `${acknowledged} acknowledged operations, ${command.repeated} publishes run again, ${files} files in the end`,
          `${watch.checks} checks, ${watch.downloads} downloads, ${lost} checks not answered by way of nginx`,
          ...describeRecoveries(recoveries),
        ].join('\n  '),
      );
      expect(recoveries.length).toBeGreaterThanOrEqual(FAULTS);
    },
    times(120_000, 2_400_000),
  );
});
