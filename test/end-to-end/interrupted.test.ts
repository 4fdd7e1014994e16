import { expect, test } from 'vitest';
import { start } from '../support/binary.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { publishLinux, startWorld, writeBundle } from './world.ts';

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
          ? { at: { requestByte: 5000 }, meanwhile: resolve, outcome: 'hold' }
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

test('a publish that is killed between any two requests is finished by a re-run', async () => {
  const proxy = await startFaultProxy();
  const world = await startWorld(['--public-url', proxy.url.href], proxy.url);
  proxy.target = world.server.url;
  const seen: string[] = [];
  for (let reach = 1, finished = false; !finished; reach++) {
    const version = `1.${reach}.0`;
    const file = await writeBundle(world.folder, 'App.AppImage');
    const publish = start(publishLinux(version, file), { cwd: world.folder, env: world.env });
    let requests = 0;
    proxy.inject = ({ method, url }) => {
      requests += 1;
      if (requests !== reach) return undefined;
      seen.push(`${method} ${url}`);
      publish.kill('SIGKILL');
      return { at: 'before', outcome: 'hold' };
    };
    const { code } = await publish.finished;
    finished = code === 0;
    proxy.inject = () => undefined;
    if (finished) break;
    const again = await world.runJson(publishLinux(version, file));
    expect(again, seen.at(-1)).toMatchObject({ code: 0, document: { artifacts: [{ verified: true }] } });
  }
  expect(seen.map((request) => request.split('/').at(-1)?.split('?')[0])).toEqual(
    expect.arrayContaining(['ota', 'releases', 'artifacts', 'publish', expect.stringMatching(/^1\.\d+\.0$/)]),
  );
});
