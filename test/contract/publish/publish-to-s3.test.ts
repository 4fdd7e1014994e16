import { expect, test } from 'vitest';
import { startPublishWorld, wayWhere } from '../../support/publish/publish-world.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3 } from '../../support/s3/s3-place.ts';
import { NEVER, openS3Server } from '../../support/s3/s3-server.ts';
import { DEB, LINUX, MAC } from '../../support/tauri/local-file.ts';

describeOnS3('a publish to a server with its files', (openPlace) => {
  async function startWorld(pollSchedule = NEVER) {
    const place = await openPlace();
    const open = (dataDir: string) => openS3Server(dataDir, place, { pollSchedule });
    return { ...(await startPublishWorld([LINUX, MAC, DEB], open)), place };
  }

  test('takes three requests per file, goes live for all platforms, is verified, and leaves nothing else', async () => {
    const world = await startWorld();
    const { outcome, transport } = await world.run();
    expect(outcome).toMatchObject({
      status: 'published',
      artifacts: [{ verified: true }, { verified: true }, { verified: true }],
    });
    expect(transport.writes.length).toBeLessThanOrEqual(4 + 3 * 3);
    expect(await objectsIn(world.place)).toEqual({ staging: 0, artifacts: 3, uploads: [] });
    expect((await world.run()).outcome).toMatchObject({ status: 'unchanged' });
  });

  test.each([
    ['the server has not polled since', NEVER],
    ['the server has polled since', { first: 20, max: 40 }],
  ])(
    'that died between a PUT and the request after it is finished by the next run, if %s',
    async (_, waits) => {
      const world = await startWorld(waits);
      const isCall = ({ url }: { url: URL }) => url.pathname.endsWith('/complete');
      const way = wayWhere(world, isCall, () => {
        throw new Error('killed');
      });
      expect((await world.run({}, way)).outcome).toMatchObject({ message: 'killed' });
      const { outcome } = await world.run();
      expect(outcome).toMatchObject({ status: 'published' });
      expect((await objectsIn(world.place)).artifacts).toBe(3);
      expect(await world.offered(MAC)).toBe('1.2.0');
    },
  );

  test('with expected platforms reports that its last file made the release live', async () => {
    const world = await startWorld();
    const expect3 = ['linux-x86_64', 'darwin-aarch64'];
    const first = await world.run({ artifacts: world.filesOf(MAC), expect: expect3 });
    expect(first.outcome).toMatchObject({ status: 'draft' });
    const last = await world.run({ artifacts: world.filesOf(LINUX, DEB), expect: expect3 });
    expect(last.outcome).toMatchObject({ status: 'published' });
  });
});
