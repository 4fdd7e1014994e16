import fc from 'fast-check';
import { expect, onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import type { OfferChange } from '../../../src/database/queries/app-files.ts';
import { listReleases } from '../../../src/database/queries/list-releases.ts';
import { publishRelease, updateRelease } from '../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease } from '../../../src/database/queries/releases.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { formatPublicKey, signingKeyIdOf } from '../../../src/protocol/minisign.ts';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { stepFor } from '../../../src/protocol/routing/update-steps.ts';
import { compareVersions } from '../../../src/protocol/version.ts';
import type { SimulatedChange } from '../../../src/server/explain/simulated-change.ts';
import { type OffersByChannel, resolveOffers } from '../../../src/server/update-check/resolve-offers.ts';
import { ANYONE } from '../../../src/server/update-check/rollouts.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { times } from '../process/torture.ts';
import { by } from './by.ts';
import { LINUX, MAC, StoreWithApp } from './store-with-app.ts';

/*
 * Random histories of an app against a real database, and against what its users see: they take each offer, verify it
 * with the key that their build carries, and go on from there.
 */

const DEB: Platform = { ...LINUX, bundleType: 'deb' };
export const PLATFORMS = [LINUX, DEB, MAC];
export const VERSIONS = ['1.0.0', '1.1.0-beta.1', '1.1.0', '1.2.0', '2.0.0', '2.1.0', '3.0.0'];
/** Versions that no release has. */
export const EXTRA_VERSIONS = ['0.9.0', '1.0.5', '1.1.5', '1.9.0', '2.0.5', '2.5.0', '3.5.0'];
const KEYS = ['A', 'B', 'C'] as const;
type Key = (typeof KEYS)[number];

/** What a version is built as, whenever it is published: a version is built once. */
export interface Build {
  readonly signedWith: Key;
  /** The key in the build, and whether the server is told it. */
  readonly carries: Key;
  readonly isDeclared: boolean;
  readonly requires: string | undefined;
  readonly channel: 'stable' | 'beta';
  readonly platforms: readonly Platform[];
}

export interface Operation {
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
export const history = fc.record({
  builds: fc.tuple(...VERSIONS.map(() => build)).map((builds) => {
    return new Map(VERSIONS.map((version, i) => [version, builds[i] as Build]));
  }),
  operations: fc.array(operation, { minLength: 3, maxLength: 16 }),
});

/** Enough versions that most of them decide nothing. */
export const MANY_VERSIONS = [
  ...VERSIONS,
  ...['1.0.1', '1.0.2-beta.1', '1.0.2', '1.1.1', '1.2.1', '1.10.0', '2.0.0-beta.2', '2.0.0-beta.11', '2.0.1'],
  ...['2.2.0-beta.1', '2.2.0-beta.1.1', '2.10.0', '3.1.0'],
].sort(compareVersions);

/** As most apps with keys are: many versions, and one key that hands over to the next, once or never. */
export const rotated = fc.record({
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
export const publicKeyOf = (key: Key) =>
  formatPublicKey({ keyId: keyBytes(key), key: Buffer.alloc(32, key) });
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
export class World {
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

  get store(): StoreWithApp {
    return this.#store;
  }

  get db(): Database['queries'] {
    return this.#db;
  }

  get appId(): string {
    return this.#store.appId;
  }

  /** What a simulation is asked, for a version that is not there. */
  simulatedPublish(version: string): SimulatedChange {
    const build = this.#buildOf(version);
    const { signedWith, carries, isDeclared, requires, channel } = build;
    const signing_key_id = signingKeyIdOf(signatureOf(signedWith)) ?? null;
    return {
      version,
      channel,
      requires: requires !== undefined && compareVersions(requires, version) < 0 ? requires : null,
      ...(isDeclared && { embedded_pubkey: publicKeyOf(carries) }),
      artifacts: build.platforms.map(({ target, arch, bundleType = null }) => {
        return { target, arch, bundle_type: bundleType, signing_key_id };
      }),
    };
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

  /** @param isMeant of the n-th live release from the highest on. @returns those with a pause that has changed */
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

/** Where a world is. */
export interface WorldPlace {
  readonly database: Database;
  readonly slug: string;
}

export async function eachHistory(
  check: (world: World, operations: readonly Operation[], place: WorldPlace) => Promise<void>,
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
      const slug = `app-${app++}`;
      const store = await StoreWithApp.in(database, slug);
      await check(new World(store, builds), operations, { database, slug });
    }),
    { numRuns: runs },
  );
}
