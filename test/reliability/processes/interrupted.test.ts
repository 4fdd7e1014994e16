import { expect, test } from 'vitest';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import { start } from '../../support/process/binary.ts';
import { publishLinux, startWorld, writeBundle } from '../../support/publish/world.ts';

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'a publish that gets %s in the middle of an upload exits with %i, and a re-run finishes',
  async (signal, exit) => {
    const proxy = await startFaultProxy();
    const world = await startWorld(['--public-url', proxy.url.href], proxy.url);
    proxy.target = world.server.url;
    const file = await writeBundle(world.folder, 'App.AppImage');
    const uploading = new Promise<void>((resolve) => {
      proxy.inject = ({ url }) =>
        url.includes('/uploads/')
          ? { at: { requestByte: 5000 }, action: resolve, outcome: 'hold' }
          : undefined;
    });

    const publish = start([...publishLinux('1.2.0', file), '--json'], { cwd: world.folder, env: world.env });
    await uploading;
    publish.kill(signal);
    const { code, stdout, stderr } = await publish.finished;
    expect(code).toBe(exit);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'interrupted',
      hint: expect.stringContaining('again'),
    });
    expect(stderr).toContain(`interrupted by ${signal}`);

    proxy.inject = () => undefined;
    const again = await world.runJson(publishLinux('1.2.0', file));
    expect(again).toMatchObject({
      code: 0,
      document: { status: 'published', artifacts: [{ verified: true }] },
    });
    expect((await world.runJson(['releases', 'list'])).document).toHaveLength(1);
  },
);
