import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import { publishRelease, updateRelease } from '../../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease, listReleases } from '../../../../src/database/queries/releases.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { formatPublicKey, signingKeyIdOf } from '../../../../src/protocol/minisign.ts';
import { type Platform, platformName } from '../../../../src/protocol/platform.ts';
import { compareVersions } from '../../../../src/protocol/version.ts';
import {
  type OffersByChannel,
  offerFor,
  resolveOffers,
} from '../../../../src/server/update-check/resolve-offers.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { times } from '../../../support/process/torture.ts';
import { LINUX, MAC, NOW, StoreWithApp } from '../../../support/server/store-with-app.ts';

/*
 * Random histories of an app against a real database, and against what its users see: they take each offer, verify it
 * with the key that their build carries, and go on from there.
 */

const DEB: Platform = { ...LINUX, bundleType: 'deb' };
const PLATFORMS = [LINUX, DEB, MAC];
const VERSIONS = ['1.0.0', '1.1.0-beta.1', '1.1.0', '1.2.0', '2.0.0', '2.1.0', '3.0.0'];
const KEYS = ['A', 'B', 'C'] as const;
type Key = (typeof KEYS)[number];

/** What a version is built as, whenever it is published: a version is built once. */
interface Build {
  readonly signedWith: Key;
  /** The key in the build, and whether the server is told it. */
  readonly carries: Key;
  readonly isDeclared: boolean;
  readonly requires: string | undefined;
  readonly channel: 'stable' | 'beta';
  readonly platforms: readonly Platform[];
}

interface Operation {
  readonly kind: 'publish' | 'yank' | 'restore' | 'delete';
  readonly version: string;
}

const build = fc.record<Build>({
  // Mostly one key, as in life.
  signedWith: fc.constantFrom('A', 'A', 'A', 'B', 'C'),
  carries: fc.constantFrom('A', 'A', 'B', 'C'),
  isDeclared: fc.constantFrom(true, true, true, false),
  requires: fc.option(fc.constantFrom(...VERSIONS), { nil: undefined, freq: 3 }),
  channel: fc.constantFrom('stable', 'stable', 'beta'),
  platforms: fc.subarray(PLATFORMS, { minLength: 1 }),
});
const operation = fc.record<Operation>({
  kind: fc.constantFrom('publish', 'publish', 'publish', 'yank', 'restore', 'delete'),
  version: fc.constantFrom(...VERSIONS),
});
const history = fc.record({
  builds: fc.tuple(...VERSIONS.map(() => build)).map((builds) => {
    return new Map(VERSIONS.map((version, i) => [version, builds[i] as Build]));
  }),
  operations: fc.array(operation, { minLength: 3, maxLength: 16 }),
});

const keyBytes = (key: Key) => Buffer.alloc(8, key);
const publicKeyOf = (key: Key) => formatPublicKey({ keyId: keyBytes(key), key: Buffer.alloc(32, key) });
const base64 = (...parts: Buffer[]) => Buffer.concat(parts).toString('base64');
function signatureOf(key: Key): string {
  const lines = [
    'untrusted comment: signature',
    base64(Buffer.from('ED'), keyBytes(key), Buffer.alloc(64)),
    'trusted comment: timestamp:1',
    base64(Buffer.alloc(64)),
  ];
  return Buffer.from(`${lines.join('\n')}\n`).toString('base64');
}
const KEY_IDS = new Map(KEYS.map((key) => [signingKeyIdOf(signatureOf(key)), key]));

/** An app's releases, and the versions its users may be on. */
class World {
  readonly #db: Database['queries'];
  readonly #store: StoreWithApp;
  readonly #builds: ReadonlyMap<string, Build>;
  readonly #installed = new Map<string, Build>();

  constructor(store: StoreWithApp, builds: ReadonlyMap<string, Build>) {
    this.#db = store.db;
    this.#store = store;
    this.#builds = builds;
  }

  async apply({ kind, version }: Operation, allowStranding: boolean): Promise<void> {
    const { appId } = this.#store;
    const release = (await listReleases(this.#db, appId)).find((candidate) => candidate.version === version);
    if (kind === 'publish') return release === undefined ? this.#publish(version, allowStranding) : undefined;
    if (release === undefined) return;
    const key = { appId, releaseId: release.id };
    if (kind === 'delete') await deleteRelease(this.#db, key, { allowStranding });
    else
      await updateRelease(this.#db, key, {
        status: kind === 'yank' ? 'yanked' : 'published',
        allowStranding,
      });
  }

  async #publish(version: string, allowStranding: boolean): Promise<void> {
    const build = this.#buildOf(version);
    const { appId } = this.#store;
    const created = await createRelease(
      this.#db,
      {
        appId,
        version,
        notes: null,
        signature: null,
        draft: true,
        channel: build.channel,
        embeddedPubkey: build.isDeclared ? publicKeyOf(build.carries) : null,
        requires:
          build.requires !== undefined && compareVersions(build.requires, version) < 0
            ? build.requires
            : null,
        allowStranding,
      },
      NOW,
    );
    if (typeof created === 'string') throw new Error(created);
    for (const platform of build.platforms) {
      const upload = await this.#store.grant(created.id, platform, {
        signature: signatureOf(build.signedWith),
      });
      await this.#store.complete(upload);
    }
    const key = { appId, releaseId: created.id };
    const result = await publishRelease(this.#db, key, { required: null, now: NOW });
    if (result.kind === 'would_strand') await deleteRelease(this.#db, key);
    else this.#installed.set(version, build);
  }

  offers(): Promise<OffersByChannel> {
    const { appId } = this.#store;
    return resolveOffers(this.#db, { appId, slug: 'my-app', publicUrl: 'https://updates.example.com' });
  }

  /** Where the users of each installed version get to: `beta linux-x86_64 1.0.0` to a version. */
  async journeys(): Promise<Map<string, { readonly end: string; readonly isAtTop: boolean }>> {
    const offers = await this.offers();
    const releases = await listReleases(this.#db, this.#store.appId);
    const journeys = new Map<string, { end: string; isAtTop: boolean }>();
    for (const channel of ['stable', 'beta']) {
      for (const name of PLATFORMS.map(platformName)) {
        const live = releases.filter(
          (release) =>
            release.status === 'published' &&
            ['stable', channel].includes(release.channel) &&
            release.artifacts.some((artifact) => nameMatches(name, artifact)),
        );
        const top = live[0]?.version;
        for (const [version, build] of this.#installed) {
          if (!['stable', channel].includes(build.channel)) continue;
          if (!build.platforms.some((platform) => nameMatches(name, platform))) continue;
          const end = this.#walk(offers, { channel, name, version });
          const isAtTop = top === undefined || compareVersions(end, top) >= 0;
          journeys.set(`${channel} ${name} ${version}`, { end, isAtTop });
        }
      }
    }
    return journeys;
  }

  #walk(offers: OffersByChannel, from: { channel: string; name: string; version: string }): string {
    const steps = (offers.get(from.channel) ?? offers.get('stable'))?.get(from.name) ?? [];
    for (let { version } = from; ; ) {
      const offer = offerFor(steps, version);
      if (offer === undefined) return version;
      this.#requireTakeable(version, JSON.parse(offer.body));
      version = offer.version;
    }
  }

  /** What Tauri's updater does with an offer; an undeclared key is one that the server could not know. */
  #requireTakeable(version: string, offer: { version: string; signature: string; platforms?: object }): void {
    const { carries, isDeclared } = this.#buildOf(version);
    expect(compareVersions(offer.version, version)).toBeGreaterThan(0);
    if (isDeclared) expect(KEY_IDS.get(signingKeyIdOf(offer.signature))).toBe(carries);
    const { requires } = this.#buildOf(offer.version);
    if (requires !== undefined && compareVersions(requires, offer.version) < 0) {
      expect(compareVersions(version, requires)).toBeGreaterThanOrEqual(0);
    }
  }

  #buildOf(version: string): Build {
    const build = this.#builds.get(version);
    if (build === undefined) throw new Error(`there is no build ${version}`);
    return build;
  }
}

/** Whether apps that ask by the name are offered files of the platform. */
function nameMatches(name: string, platform: Platform): boolean {
  return [platformName(platform), `${platform.target}-${platform.arch}`].includes(name);
}

async function eachHistory(
  check: (world: World, operations: readonly Operation[]) => Promise<void>,
): Promise<void> {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  let app = 0;
  await fc.assert(
    fc.asyncProperty(history, async ({ builds, operations }) => {
      const store = await StoreWithApp.in(database, `app-${app++}`);
      await check(new World(store, builds), operations);
    }),
    { numRuns: times(40, 2000) },
  );
}

test('field 1: in any history no version is offered what it cannot verify or is too low for', async () => {
  await eachHistory(async (world, operations) => {
    for (const operation of operations) {
      await world.apply(operation, true);
      await world.journeys();
    }
  });
});

test('field 1: in any history no version loses its way to the highest release', async () => {
  await eachHistory(async (world, operations) => {
    for (const operation of operations) {
      const before = await world.journeys();
      await world.apply(operation, false);
      for (const [who, journey] of await world.journeys()) {
        const hadWay = before.get(who)?.isAtTop ?? true;
        if (hadWay)
          expect(journey, `${who} after ${operation.kind} ${operation.version}`).toMatchObject({
            isAtTop: true,
          });
      }
    }
  });
});
