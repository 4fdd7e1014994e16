import { beforeAll, expect, test } from 'vitest';
import { platformName } from '../../../src/protocol/platform.ts';
import type { Point, ProxiedRequest } from '../../support/network/fault.ts';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { start } from '../../support/process/binary.ts';
import { spread, times } from '../../support/process/torture.ts';
import { startWorld } from '../../support/publish/world.ts';
import { listReleases } from '../../support/server/list-releases.ts';
import { expectServed } from '../../support/server/served-update.ts';
import { signBundles, writeBundles } from '../../support/tauri/signed-bundles.ts';

const MOMENTS = times(6, 200);
const SIZE = 1_500_000;

let signed: Awaited<ReturnType<typeof signBundles>>;

beforeAll(async () => {
  signed = await signBundles(SIZE);
});

/** When a run is killed: at its nth request, or at a byte of the upload with that size. */
type Moment = { readonly at: Point } & ({ readonly nth: number } | { readonly uploadSize: number });

/** Moments spread over a whole run: around each of its requests, and the rest evenly over its uploads. */
function momentsOf(recorded: readonly ProxiedRequest[]): Moment[] {
  const points: readonly Point[] = ['before', 'applied', { answerByte: 20 }];
  const aroundRequests = recorded.flatMap((_, i) => points.map((at) => ({ at, nth: i + 1 })));
  const sizes = recorded
    .filter((request) => routeOf(request) === 'upload')
    .map(({ passedBytes }) => passedBytes);
  const perUpload = Math.ceil(Math.max(0, 200 - aroundRequests.length) / sizes.length);
  const inUploads = sizes.flatMap((uploadSize) =>
    Array.from({ length: perUpload }, (_, i) => ({
      at: { requestByte: Math.round((i * (uploadSize - 1)) / (perUpload - 1)) },
      uploadSize,
    })),
  );
  return spread([...aroundRequests, ...inUploads], MOMENTS);
}

/** A world that is reached only through the proxy, and three signed files to publish. */
async function startKillableWorld() {
  const proxy = await startFaultProxy();
  const world = await startWorld(['--public-url', proxy.url.href], proxy.url);
  proxy.target = world.server.url;
  const artifacts = await writeBundles(world.folder, signed.bundles);
  // Each version has a slug of its own, so that each run has the same requests as the first.
  const slugOf = (version: string) => `app-${version.replaceAll('.', '-')}`;
  const publish = (version: string) => [
    ...['publish', '--version', version, '--slug', slugOf(version), '--pubkey', signed.key.publicKey],
    ...artifacts.flatMap((artifact) => ['--artifact', `${platformName(artifact)}=${artifact.file}`]),
  ];
  const findReleases = async (version: string) =>
    (await listReleases(world.server.url, world.app)).filter((release) => release.version === version);
  return { proxy, world, publish, slugOf, findReleases };
}

test(
  `R65 a publish that is killed at any of ${MOMENTS} moments is finished by a re-run, which uploads only what is missing`,
  async () => {
    const { proxy, world, publish, slugOf, findReleases } = await startKillableWorld();
    expect(await world.run(publish('1.0.0'))).toMatchObject({ code: 0 });
    const moments = momentsOf(proxy.requests);
    expect(moments).toHaveLength(MOMENTS);

    for (const [i, moment] of moments.entries()) {
      const version = `1.${i + 1}.0`;
      const before = proxy.requests.length;
      const killed = start(publish(version), { cwd: world.folder, env: world.env });
      const isNow = ({ number, headers }: ProxiedRequest) =>
        'nth' in moment
          ? number === before + moment.nth
          : headers['content-length'] === String(moment.uploadSize);
      proxy.inject = (request) =>
        isNow(request)
          ? { at: moment.at, action: () => killed.kill('SIGKILL'), outcome: 'reset' }
          : undefined;
      const { code, stderr } = await killed.finished;
      expect(code, `${JSON.stringify(moment)} ${stderr}`).toBeNull();
      await proxy.settled();
      proxy.inject = () => undefined;

      const [found] = await findReleases(version);
      const stored = (found?.artifacts ?? []).map(platformName as (artifact: object) => string);
      const missing = signed.bundles.filter((bundle) => !stored.includes(platformName(bundle)));
      const restart = proxy.requests.length;
      const again = await world.runJson(publish(version));
      expect(again, `${JSON.stringify(moment)} ${again.stderr}`).toMatchObject({
        code: 0,
        document: { artifacts: signed.bundles.map(() => ({ verified: true })) },
      });
      const uploads = proxy.requests.slice(restart).filter((request) => routeOf(request) === 'upload');
      const sizes = uploads.map(({ passedBytes }) => passedBytes);
      expect(sizes.sort()).toEqual(missing.map(({ bytes }) => bytes.length).sort());
      expect(await findReleases(version)).toHaveLength(1);
      await expectServed(proxy.url, slugOf(version), signed.bundles, { version });
    }
  },
  times(60_000, 1_200_000),
);
