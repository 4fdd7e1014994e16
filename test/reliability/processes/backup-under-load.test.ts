import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';
import { Publisher } from '../../support/publish/publisher.ts';
import { runJson, serveUntilFinished } from '../../support/publish/world.ts';
import { openTestServer } from '../../support/server/server.ts';

const BACKUPS = times(8, 100);

test(
  `R31: each of ${BACKUPS} backups under publishes and deletions is restored to a store that passes fsck`,
  async () => {
    const folder = await tempFolder();
    const dataDir = join(folder, 'data');
    const server = await openTestServer(dataDir);
    const app = await Publisher.on(server);
    await app.publish('0.0.1');
    let stopped = false;
    let published = 0;
    const churn = async (lane: number) => {
      for (let n = 0; !stopped; n++) {
        const releases = [await app.publish(`${lane}.${n}.0`), await app.publish(`${lane}.${n}.1`)];
        published += releases.length;
        for (const id of releases.slice(n % 2)) await app.delete(id);
      }
    };
    const lanes = [1, 2, 3].map(churn);
    const backup = join(folder, 'backup');
    const seen = new Set<number>();
    try {
      for (let i = 0; i < BACKUPS; i++) {
        const made = await runJson(['backup', backup, '--data-dir', dataDir]);
        expect(made, made.stderr).toMatchObject({ code: 0, document: { status: 'complete', damaged: [] } });
        seen.add(made.document.files.total);
        const restored = join(folder, `restored-${i}`);
        const back = await runJson(['restore', backup, '--data-dir', restored]);
        expect(back, back.stderr).toMatchObject({
          code: 0,
          document: { releases: made.document.releases, files: { total: made.document.files.total } },
        });
        const checked = await runJson(['fsck', '--hashes', '--data-dir', restored]);
        expect(checked, checked.stderr).toMatchObject({
          code: 0,
          document: {
            status: 'clean',
            orphans: { files: 0 },
            files: { recorded: made.document.files.total },
          },
        });
      }
    } finally {
      stopped = true;
      await Promise.all(lanes);
    }
    expect(published).toBeGreaterThan(BACKUPS);
    expect(seen.size).toBeGreaterThan(1); // the store did change
    const live = await runJson(['fsck', '--hashes', '--data-dir', dataDir]);
    expect(live, live.stderr).toMatchObject({ code: 0 });
    await server.close();

    const served = await serveUntilFinished(join(folder, `restored-${BACKUPS - 1}`));
    const { status } = await fetch(`${served.url}/api/sync/ota/my-app/linux/x86_64/0.0.0`);
    expect(status).toBe(200);
    expect(await served.stop()).toBe(0);
  },
  times(120_000, 1_200_000),
);
