import { once } from 'node:events';
import { beforeAll, describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/errors.ts';
import { parsePublicKey } from '../../../src/protocol/minisign.ts';
import type { PublishRequest } from '../../../src/publish/publish.ts';
import type { Fault } from '../../support/network/fault.ts';
import { measure, REQUEST_FAULTS, type RequestFault } from '../../support/network/request-faults.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';
import { type FaultedApp, startFaultWorld } from '../../support/publish/fault-world.ts';
import { expectServed } from '../../support/server/served-update.ts';
import { type SignedBundle, signBundles, writeBundles } from '../../support/tauri/signed-bundles.ts';

/** Each fault is tested on every nth request of a publish, and the next fault on the requests beside those. */
const STEP = times(16, 1);
const TIMEOUT_MS = times(60_000, 600_000);

const DROPPED: Fault = { at: 'before', outcome: 'reset' };

let bundles: readonly SignedBundle[];
let publicKey: PublishRequest['publicKey'];

beforeAll(async () => {
  const signed = await signBundles(3000);
  publicKey = parsePublicKey(signed.key.publicKey);
  bundles = signed.bundles;
});

/** A base server stores one signature per release, so it gets one file for two platforms. */
function bundlesFor(kind: 'our' | 'base'): readonly SignedBundle[] {
  const [mac] = bundles;
  if (mac === undefined) throw new Error('three bundles were signed');
  return kind === 'our' ? bundles : [mac, { ...mac, arch: 'x86_64' }];
}

/** A server, files for it, and the requests of an undisturbed run. */
async function startRound(kind: 'our' | 'base') {
  const published = bundlesFor(kind);
  const world = await startFaultWorld(kind);
  const artifacts = await writeBundles(await tempFolder(), published);
  // One upload at a time, so that the requests of all runs come in the same order.
  const request = { artifacts, publicKey, concurrency: 1 };
  const clean = await (await world.createApp()).publish(request);
  expect(clean.outcome).toMatchObject({ status: 'published' });
  return { ...world, request, published, recorded: clean.requests };
}

type Round = Awaited<ReturnType<typeof startRound>>;

/** Injects `fault` into the nth request from now on, and `after` into all later ones. */
function injectAt({ proxy }: Round, nth: number, fault: Fault, after?: Fault): void {
  const first = proxy.requests.length + nth;
  proxy.inject = ({ number }) => (number === first ? fault : number > first ? after : undefined);
}

async function expectPublished({ proxy, published }: Round, app: FaultedApp): Promise<void> {
  expect(await app.listReleases()).toHaveLength(1);
  await expectServed(proxy.url, app.slug, published);
}

/** Publishes with the fault, then again without it. @returns how the first run ended */
async function publishTwice(round: Round, nth: number, fault: Fault, after?: Fault) {
  const { proxy, published, request } = round;
  const app = await round.createApp();
  injectAt(round, nth, fault, after);
  const { outcome, requests } = await app.publish(request);
  await proxy.settled();
  expect(requests[nth - 1]?.struck).toBe(true);
  proxy.inject = () => undefined;
  expect((await app.listReleases()).length).toBeLessThan(2);
  await expectServed(proxy.url, app.slug, published, { allowNothing: true });

  const again = await app.publish(request);
  expect(again.outcome).toMatchObject({ artifacts: published.map(() => ({ verified: true })) });
  await expectPublished(round, app);
  return outcome;
}

/** The requests to inject such a fault into: at least one. */
function affected({ recorded }: Round, { of }: RequestFault) {
  const offset = REQUEST_FAULTS.findIndex((fault) => fault.of === of);
  const possible = recorded.flatMap((request, i) => {
    const fault = of(measure(request));
    return fault ? [{ fault, nth: i + 1, what: `request ${i + 1}, ${request.method} ${request.url}` }] : [];
  });
  return possible.filter((_, i) => (i + offset) % Math.min(STEP, possible.length) === 0);
}

describe.each(['our', 'base'] as const)('R55 a publish to %s server', (kind) => {
  test.each(REQUEST_FAULTS)(
    'continues if one request $name, and is completed by a re-run if all requests after it fail',
    async (requestFault) => {
      const round = await startRound(kind);
      for (const { nth, fault, what } of affected(round, requestFault)) {
        const outcome = await publishTwice(round, nth, fault);
        const last = await publishTwice(round, nth, fault, DROPPED);
        if (requestFault.looksMeant) {
          for (const end of [outcome, last])
            if (end instanceof Error) expect(end, what).toBeInstanceOf(OtaError);
          continue;
        }
        expect(outcome, what).toMatchObject({ status: 'published' });
        if (last instanceof Error) expect(last, what).toMatchObject({ code: 'network' });
      }
    },
    TIMEOUT_MS,
  );

  test.each(['during the retry', 'after the publish'] as const)(
    'succeeds if a request that timed out reaches the server %s',
    async (when) => {
      const round = await startRound(kind);
      const { proxy } = round;
      for (const nth of round.recorded.map((_, i) => i + 1).filter((n) => n % Math.min(STEP, 4) === 0)) {
        const app = await round.createApp();
        const { length } = proxy.requests;
        const everything = new AbortController();
        const triedAgain = () => expect.poll(() => proxy.requests.length).toBeGreaterThan(length + nth);
        const action = when === 'after the publish' ? () => once(everything.signal, 'abort') : triedAgain;
        injectAt(round, nth, { at: 'before', outcome: 'late', action });
        const { outcome } = await app.publish(round.request);
        expect(outcome).toMatchObject({ status: 'published' });
        everything.abort();
        await proxy.settled();
        expect(proxy.requests[length + nth - 1]).toMatchObject({ struck: true, answer: {} });
        await expectPublished(round, app);
      }
    },
    TIMEOUT_MS,
  );
});
