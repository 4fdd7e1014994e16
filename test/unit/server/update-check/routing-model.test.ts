import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import {
  changedVersions,
  knownVersions,
  type OfferChange,
  strandedByChange,
  strandedIn,
} from '../../../../src/database/queries/app-files.ts';
import { listReleases } from '../../../../src/database/queries/list-releases.ts';
import { publishRelease, updateRelease } from '../../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease } from '../../../../src/database/queries/releases.ts';
import {
  readAllFiles,
  readFilesBesides,
  readRoutedFiles,
} from '../../../../src/database/queries/routed-files.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { formatPublicKey, signingKeyIdOf } from '../../../../src/protocol/minisign.ts';
import { type Platform, platformName } from '../../../../src/protocol/platform.ts';
import { routePlatforms } from '../../../../src/protocol/routing/route-platforms.ts';
import { stepFor } from '../../../../src/protocol/routing/update-steps.ts';
import { compareVersions, LOWEST_VERSION, nextVersion } from '../../../../src/protocol/version.ts';
import { type OffersByChannel, resolveOffers } from '../../../../src/server/update-check/resolve-offers.ts';
import { ANYONE } from '../../../../src/server/update-check/rollouts.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { times } from '../../../support/process/torture.ts';
import { by } from '../../../support/server/by.ts';
import { LINUX, MAC, StoreWithApp } from '../../../support/server/store-with-app.ts';

/*
 * Random histories of an app against a real database, and against what its users see: they take each offer, verify it
 * with the key that their build carries, and go on from there.
 */

const DEB: Platform = { ...LINUX, bundleType: 'deb' };
const PLATFORMS = [LINUX, DEB, MAC];
const VERSIONS = ['1.0.0', '1.1.0-beta.1', '1.1.0', '1.2.0', '2.0.0', '2.1.0', '3.0.0'];
/** Versions that no release has. */
const EXTRA_VERSIONS = ['0.9.0', '1.0.5', '1.1.5', '1.9.0', '2.0.5', '2.5.0', '3.5.0'];
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

/** Enough versions that most of them decide nothing. */
const MANY_VERSIONS = [
  ...VERSIONS,
  ...['1.0.1', '1.0.2-beta.1', '1.0.2', '1.1.1', '1.2.1', '1.10.0', '2.0.0-beta.2', '2.0.0-beta.11', '2.0.1'],
  ...['2.2.0-beta.1', '2.2.0-beta.1.1', '2.10.0', '3.1.0'],
].sort(compareVersions);

/** As most apps with keys are: many versions, and one key that hands over to the next, once or never. */
const rotated = fc.record({
  builds: fc
    .tuple(fc.nat(MANY_VERSIONS.length), fc.tuple(...MANY_VERSIONS.map(() => build)), fc.boolean())
    .map(([handover, builds, isSteppingStone]) => {
      return new Map(
        MANY_VERSIONS.map((version, i) => {
          const keys = { signedWith: i <= handover ? 'A' : 'B', carries: i < handover ? 'A' : 'B' } as const;
          const requires = isSteppingStone && i > 12 ? '1.2.0' : undefined;
          return [version, { ...(builds[i] as Build), ...keys, requires }];
        }),
      );
    }),
  operations: fc
    .tuple(
      fc.shuffledSubarray(MANY_VERSIONS, { minLength: 10 }),
      fc.array(operation, { minLength: 2, maxLength: 8 }),
    )
    .map(([published, others]): Operation[] => [
      ...published.map((version) => ({ kind: 'publish', version }) as const),
      ...others,
    ]),
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
    if (kind === 'delete') await deleteRelease(this.#db, key, { by: by(), allowStranding });
    else
      await updateRelease(this.#db, key, {
        by: by(),
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
      by(),
    );
    if (typeof created === 'string') throw new Error(created);
    for (const platform of build.platforms) {
      const upload = await this.#store.grant(created.id, platform, {
        signature: signatureOf(build.signedWith),
      });
      await this.#store.complete(upload);
    }
    const key = { appId, releaseId: created.id };
    const result = await publishRelease(this.#db, key, { required: null, by: by() });
    if (result.kind === 'would_strand') await deleteRelease(this.#db, key, { by: by() });
    else this.#installed.set(version, build);
  }

  get db(): Database['queries'] {
    return this.#db;
  }

  get appId(): string {
    return this.#store.appId;
  }

  /** Each version that is not live going live, each live one withdrawn, and each one with another key. */
  async possibleChanges(): Promise<OfferChange[]> {
    const releases = await listReleases(this.#db, this.appId);
    const live = releases.filter(({ status }) => status === 'published');
    const others = [...this.#builds.keys()].filter((version) =>
      live.every((release) => release.version !== version),
    );
    return [
      ...others.map((version): OfferChange => {
        const {
          signedWith,
          carries,
          isDeclared,
          requires = null,
          channel,
          platforms,
        } = this.#buildOf(version);
        const signingKeyId = signingKeyIdOf(signatureOf(signedWith)) ?? null;
        const embeddedPubkey = isDeclared ? publicKeyOf(carries) : null;
        return {
          kind: 'go_live',
          release: { version, channel, requires, embeddedPubkey },
          artifacts: platforms.map((platform) => ({ ...platform, signingKeyId })),
        };
      }),
      ...live.map(({ id, version }) => ({ kind: 'withdraw', releaseId: id, version }) as const),
      ...live.map(
        ({ version }) => ({ kind: 'other_key', version, embeddedPubkey: publicKeyOf('B') }) as const,
      ),
    ];
  }

  async offers(): Promise<OffersByChannel> {
    const { appId } = this.#store;
    const app = { appId, slug: 'my-app', publicUrl: 'https://updates.example.com', now: Date.now() };
    const { offers, rollouts } = await resolveOffers(this.#db, app);
    return rollouts?.offersFor(ANYONE, Date.now()) ?? offers;
  }

  /** @param isMeant of the n-th live release from the highest on. @returns those whose pause has changed */
  async setPaused(paused: boolean, isMeant: (n: number) => boolean): Promise<string[]> {
    const releases = await listReleases(this.#db, this.appId);
    const live = releases.filter(({ status }) => status === 'published');
    const meant = live.filter(({ pausedAt }, n) => isMeant(n) && (pausedAt !== null) !== paused);
    for (const { id: releaseId } of meant)
      await updateRelease(this.#db, { appId: this.appId, releaseId }, { by: by(), paused });
    return meant.map(({ version }) => version);
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
      const offer = stepFor(steps, version)?.release;
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
  { histories, runs }: { readonly histories: typeof history; readonly runs: number } = {
    histories: history,
    runs: times(40, 2000),
  },
): Promise<void> {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  let app = 0;
  await fc.assert(
    fc.asyncProperty(histories, async ({ builds, operations }) => {
      const store = await StoreWithApp.in(database, `app-${app++}`);
      await check(new World(store, builds), operations);
    }),
    { numRuns: runs },
  );
}

/** Which releases are not offered, from the highest on. */
const HELD: readonly ((n: number) => boolean)[] = [
  (n) => n === 0,
  (n) => n < 3,
  (n) => n % 2 === 0,
  (n) => n === 1,
];
const heldIn = ({ length }: { readonly length: number }) => HELD[length % HELD.length] ?? (() => false);

/** What each version of the app is offered: as the files say that are read, and as all files say. */
async function requireSameOffers(world: World, held: readonly string[] = []): Promise<void> {
  const { db, appId } = world;
  const all = await readAllFiles(db, appId);
  const some =
    held.length === 0
      ? await readRoutedFiles(db, appId)
      : await readFilesBesides(db, appId, { held: held.map((version) => ({ version })) });
  const isHeld = ({ version }: { readonly version: string }) => held.includes(version);
  const [expected, found] = [all, some].map(({ live, known }) =>
    routePlatforms(live, knownVersions(known), { isHeld }),
  );
  expect([...(found?.keys() ?? [])].sort()).toEqual([...(expected?.keys() ?? [])].sort());
  const versions = [...MANY_VERSIONS, ...MANY_VERSIONS.map(nextVersion), ...EXTRA_VERSIONS, LOWEST_VERSION];
  for (const [channel, platforms] of expected ?? []) {
    for (const [name, steps] of platforms) {
      for (const version of versions) {
        const offerIn = (list: typeof steps) => {
          const release = stepFor(list, version)?.release;
          return release && [release.version, release.files.map(({ artifactId }) => artifactId).sort()];
        };
        const where = `${channel} ${name} ${version}`;
        expect(offerIn(found?.get(channel)?.get(name) ?? []), where).toEqual(offerIn(steps));
      }
    }
  }
}

/** Whether each change that could come next strands versions: as the files say that are read, and as all files say. */
async function requireSameStranding(world: World, changes: readonly OfferChange[]): Promise<void> {
  const { db, appId } = world;
  const all = await readAllFiles(db, appId);
  for (const change of changes) {
    const expected = await strandedIn(all, [change]);
    const found = await strandedIn(await readRoutedFiles(db, appId, changedVersions([change])), [change]);
    expect(found.length > 0, JSON.stringify(change)).toBe(expected.length > 0);
    expect(await strandedByChange(db, appId, change)).toEqual(expected);
  }
}

describe('field 14: the few files that are read decide as all of them would', () => {
  test.each([
    ['any history', history, times(25, 2000)],
    ['a history with one handover', rotated, times(5, 300)],
  ])('in %s', async (_, histories, runs) => {
    await eachHistory(
      async (world, operations) => {
        for (const [i, operation] of operations.entries()) {
          await world.apply(operation, true);
          if (i >= 8) await requireSameOffers(world);
        }
        await requireSameOffers(world);
        const versions = (await listReleases(world.db, world.appId)).map(({ version }) => version);
        await requireSameOffers(
          world,
          versions.filter((_, n) => heldIn(operations)(n)),
        );
        await requireSameStranding(world, await world.possibleChanges());
      },
      { histories, runs },
    );
  });
});

test('in any history no one is offered a paused release, or led where it cannot be taken later', async () => {
  const check = async (world: World, operations: readonly Operation[]) => {
    for (const operation of operations) await world.apply(operation, true);
    const before = await world.journeys();
    const paused = await world.setPaused(true, heldIn(operations));
    const during = await world.journeys();
    await world.setPaused(false, () => true);
    for (const [who, { isAtTop }] of before) {
      const { end = '' } = during.get(who) ?? {};
      const [channel, name, version] = who.split(' ');
      if (end !== version) expect(paused).not.toContain(end);
      if (isAtTop) expect(before.get(`${channel} ${name} ${end}`), who).toMatchObject({ isAtTop: true });
    }
  };
  await eachHistory(check, { histories: history, runs: times(6, 1000) });
});

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
