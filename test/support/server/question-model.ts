import fc from 'fast-check';
import { expect } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { setCohortFallback, setMinimumVersion } from '../../../src/database/queries/apps.ts';
import { type ListedRelease, listReleases } from '../../../src/database/queries/list-releases.ts';
import { promoteRelease } from '../../../src/database/queries/promote-release.ts';
import { publishRelease, updateRelease } from '../../../src/database/queries/publish-release.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import type { ExplainResponse, SimulatedCell, UpdateResponse } from '../../../src/protocol/messages.ts';
import { type Platform, parsePlatform, platformName } from '../../../src/protocol/platform.ts';
import { compareVersions, LOWEST_VERSION, nextVersion, precedenceOf } from '../../../src/protocol/version.ts';
import { atOnce } from '../../../src/runtime/in-slices.ts';
import { explainCheck } from '../../../src/server/explain/explain-check.ts';
import { readExplained } from '../../../src/server/explain/read-explained.ts';
import { readSimulation } from '../../../src/server/explain/read-simulation.ts';
import { simulate } from '../../../src/server/explain/simulate.ts';
import type { SimulatedChange } from '../../../src/server/explain/simulated-change.ts';
import type { InstalledApp } from '../../../src/server/update-check/app-answers.ts';
import { OfferCache } from '../../../src/server/update-check/offer-cache.ts';
import { ANYONE, type Asker } from '../../../src/server/update-check/rollouts.ts';
import { by } from './by.ts';
import {
  EXTRA_VERSIONS,
  history,
  MANY_VERSIONS,
  PLATFORMS,
  rotated,
  VERSIONS,
  World,
} from './routing-world.ts';
import { StoreWithApp } from './store-with-app.ts';

/* The check of a server, asked what `explain` and `simulate` say that it answers. */

const HOUR = 3_600_000;
/** Some time after everything was published. */
const NOW = by().now.getTime() + HOUR;
const NO_DEB: Platform = { target: 'linux', arch: 'x86_64', bundleType: 'rpm' };
const NAMED: readonly Platform[] = [...PLATFORMS, NO_DEB];
const CHANNELS = ['stable', 'beta', 'nightly'];
const ASKED_VERSIONS = [
  ...new Set([
    LOWEST_VERSION,
    ...VERSIONS,
    ...EXTRA_VERSIONS,
    ...MANY_VERSIONS,
    ...VERSIONS.map(nextVersion),
  ]),
];
const ASKERS: readonly Asker[] = [
  ANYONE,
  ...[0, 17, 55, 99].map((cohort) => ({ ...ANYONE, cohort })),
  { ...ANYONE, isManual: true },
  { ...ANYONE, address: '198.51.100.7' },
];

/** What is set of releases, besides when they are published. */
export interface Setting {
  readonly version: string;
  readonly set:
    | { readonly kind: 'rollout'; readonly percent: number }
    | { readonly kind: 'ramp'; readonly hours: number }
    | { readonly kind: 'schedule'; readonly hours: number }
    | { readonly kind: 'pause' | 'mandatory' | 'rolled_back' | 'lose_file' };
}

export interface Settings {
  readonly fallback: 'hold' | 'address';
  readonly minimumVersion: string | null;
  readonly releases: readonly Setting[];
}

const set: fc.Arbitrary<Setting['set']> = fc.oneof(
  fc.record({ kind: fc.constant('rollout' as const), percent: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ kind: fc.constant('ramp' as const), hours: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ kind: fc.constant('schedule' as const), hours: fc.integer({ min: 2, max: 9 }) }),
  fc.record({ kind: fc.constantFrom('pause' as const, 'mandatory', 'rolled_back', 'lose_file') }),
);

export const settings: fc.Arbitrary<Settings> = fc.record({
  fallback: fc.constantFrom('hold' as const, 'address'),
  minimumVersion: fc.option(fc.constantFrom(...VERSIONS), { freq: 3 }),
  releases: fc.array(fc.record({ version: fc.constantFrom(...VERSIONS), set }), { maxLength: 5 }),
});

/** A change, with the real thing. */
export interface Change {
  readonly kind:
    | 'publish'
    | 'yank'
    | 'restore'
    | 'delete'
    | 'pause'
    | 'resume'
    | 'rollout'
    | 'mandatory'
    | 'promote';
  readonly version: string;
  readonly percent: number;
}

export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(
    ...(['publish', 'publish', 'publish', 'yank', 'restore', 'delete'] as const),
    ...(['pause', 'resume', 'rollout', 'mandatory', 'promote'] as const),
  ),
  version: fc.constantFrom(...VERSIONS),
  percent: fc.integer({ min: 0, max: 100 }),
});

/** An app with a history, and a server's cache in front of it. */
export class AskedWorld {
  readonly #database: Database;
  readonly #world: World;
  readonly #slug: string;
  #fallback: Settings['fallback'] = 'hold';
  /** Answers that were compared. */
  questions = 0;

  constructor(database: Database, world: World, slug: string) {
    this.#database = database;
    this.#world = world;
    this.#slug = slug;
  }

  async apply({ fallback, minimumVersion, releases }: Settings): Promise<void> {
    const { db, appId } = this.#world;
    this.#fallback = fallback;
    await setCohortFallback(db, { appId, fallback }, by());
    await setMinimumVersion(db, { appId, version: minimumVersion }, by());
    for (const { version, set } of releases) {
      const release = await this.#find(version);
      if (release === undefined) continue;
      const key = { appId, releaseId: release.id };
      if (set.kind === 'lose_file') {
        const lost = db.updateTable('artifacts').set({ lost_at: NOW }).where('release_id', '=', release.id);
        await lost.where('target', '=', 'linux').execute();
      } else await updateRelease(db, key, { by: by(), ...changeOf(set), allowStranding: true });
    }
  }

  async #find(version: string): Promise<ListedRelease | undefined> {
    const releases = await listReleases(this.#world.db, this.#world.appId);
    return releases.find((release) => release.version === version);
  }

  /** Why each app is answered as it is, and what the check answers. */
  async requireExplained(): Promise<void> {
    const { db, appId } = this.#world;
    const cache = this.#cache();
    const listed = await listReleases(db, appId);
    for (const platform of NAMED) {
      for (const asker of ASKERS) {
        const first = { platform, asker, currentVersion: LOWEST_VERSION, channel: 'stable' };
        const read = await readExplained(db, { appId, now: NOW }, { asked: first, findLost: undefined });
        for (const channel of CHANNELS) {
          for (const currentVersion of ASKED_VERSIONS) {
            for (const takesLower of [false, true]) {
              const asked: InstalledApp = { platform, asker, currentVersion, channel, takesLower };
              const explained = explainCheck(read, asked);
              const update = await this.#check(cache, asked);
              const expected = update && { version: update.version, mandatory: update.mandatory === true };
              if (!isSame(explained.update, expected ?? null))
                expect({ asked, ...explained }).toEqual(expected);
              requireReasons(explained, listed);
              this.questions += 1;
            }
          }
        }
      }
    }
  }

  /** What each cohort is answered today, and after a change that is then made. */
  async requireSimulated(change: Change): Promise<void> {
    const { db, appId } = this.#world;
    const simulated = await this.#simulatedChange(change);
    if (simulated === undefined) return;
    const options = { change: simulated, findLost: undefined };
    const { cells } = atOnce(simulate(await readSimulation(db, { appId, now: NOW }, options)));
    const before = this.#cache();
    for (const cell of cells) await this.#requireAnswers(before, cell, 'today');
    if (!(await this.#make(change))) return;
    const after = this.#cache();
    for (const cell of cells) await this.#requireAnswers(after, cell, 'after');
  }

  async #requireAnswers(cache: OfferCache, cell: SimulatedCell, when: 'today' | 'after'): Promise<void> {
    const platform = parsePlatform(cell.platform);
    if (platform === undefined) throw new Error(cell.platform);
    const asked = { platform, currentVersion: cell.version, channel: cell.channel };
    const shares = new Map<string, number>();
    for (let cohort = 0; cohort < 100; cohort++) {
      const update = await this.#check(cache, { ...asked, asker: { ...ANYONE, cohort } });
      const key = `${update?.version ?? null} ${update?.mandatory === true}`;
      shares.set(key, (shares.get(key) ?? 0) + 1);
    }
    const silent = await this.#check(cache, { ...asked, asker: ANYONE });
    this.questions += 101;
    const said = new Map(cell[when].shares.map((one) => [`${one.version} ${one.mandatory}`, one.share]));
    const sorted = (map: ReadonlyMap<string, number>) => [...map].sort();
    const where = `${when}: ${cell.version} ${cell.platform} ${cell.channel}`;
    if (!isSame(sorted(said), sorted(shares))) expect(sorted(said), where).toEqual(sorted(shares));
    const { without_cohort: without } = cell[when];
    if (without === undefined) expect(this.#fallback).toBe('address');
    else if (without !== (silent?.version ?? null)) expect(without, where).toBe(silent?.version ?? null);
  }

  #cache(): OfferCache {
    return new OfferCache({
      database: this.#database,
      publicUrl: () => 'https://updates.example.com',
      clock: () => new Date(NOW),
      staleIfError: 0,
      onStale: (cause) => {
        throw cause;
      },
    });
  }

  async #check(cache: OfferCache, asked: InstalledApp): Promise<UpdateResponse | undefined> {
    const { offer } = await cache.find(this.#slug, asked);
    if (offer === 'unknown_slug') throw new Error(offer);
    return offer === 'no_update' ? undefined : parsed(offer.body);
  }

  /** Undefined where the server would refuse it, or it is none. */
  async #simulatedChange({ kind, version, percent }: Change): Promise<SimulatedChange | undefined> {
    const release = await this.#find(version);
    if (release === undefined) return kind === 'publish' ? this.#world.simulatedPublish(version) : undefined;
    const isLive = release.status === 'published';
    switch (kind) {
      case 'publish':
        return undefined;
      case 'yank':
        return { version, status: 'yanked' };
      case 'restore':
        return { version, status: 'published' };
      case 'delete':
        return { version, status: 'deleted' };
      case 'pause':
      case 'resume':
        return { version, paused: kind === 'pause' };
      case 'rollout':
        return { version, rollout: { percent } };
      case 'mandatory':
        return { version, mandatory: true };
      case 'promote':
        return isLive ? { version, channel: 'beta', rollout: { percent } } : undefined;
    }
  }

  /** @returns whether it was made */
  async #make({ kind, version, percent }: Change): Promise<boolean> {
    const { db, appId } = this.#world;
    if (kind === 'publish') {
      await this.#world.apply({ kind, version }, true);
      return (await this.#find(version)) !== undefined;
    }
    const release = await this.#find(version);
    if (release === undefined) return false;
    const key = { appId, releaseId: release.id };
    const now = new Date(NOW);
    if (kind === 'delete') await deleteRelease(db, key, { by: by(now), allowStranding: true });
    else if (kind === 'promote') {
      const moved = await promoteRelease(db, key, {
        by: by(now),
        ...{ channel: 'beta', onlyFrom: release.channel, rollout: { percent }, allowStranding: true },
        ...{ manifest: [], allowOutdatedManifest: true, isAccepted: () => true },
      });
      return moved.kind === 'promoted';
    } else if (release.status === 'draft') await publishRelease(db, key, { required: null, by: by(now) });
    else {
      const fields = {
        yank: { status: 'yanked' as const },
        restore: { status: 'published' as const },
        pause: { paused: true },
        resume: { paused: false },
        rollout: { rollout: { percent } },
        mandatory: { mandatory: true },
      }[kind];
      const result = await updateRelease(db, key, { by: by(now), ...fields, allowStranding: true });
      return result.kind === 'updated';
    }
    return true;
  }
}

function changeOf(set: Exclude<Setting['set'], { kind: 'lose_file' }>) {
  switch (set.kind) {
    case 'rollout':
      return { rollout: { percent: set.percent } };
    case 'ramp':
      return { rollout: { rampMs: set.hours * HOUR } };
    case 'schedule':
      return { rollout: { at: NOW + set.hours * HOUR } };
    case 'pause':
      return { paused: true };
    case 'mandatory':
      return { mandatory: true };
    case 'rolled_back':
      return { status: 'yanked' as const, rolledBack: true };
  }
}

const bodies = new Map<string, UpdateResponse>();

/** The same few bodies are read a million times. */
function parsed(body: string): UpdateResponse {
  const known = bodies.get(body) ?? JSON.parse(body);
  if (bodies.size > 10_000) bodies.clear();
  bodies.set(body, known);
  return known;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

const LAST = ['offered', 'downgrade', 'not_newer'];

/** Each release down to the one that is offered is named once, with a rule that is true of it. */
function requireReasons(explained: ExplainResponse, listed: readonly ListedRelease[]): void {
  const { update, releases, version, omitted } = explained;
  const fail = (what: string) => expect({ what, ...explained }).toBe('explained');
  if (omitted !== 0) fail('omitted');
  const last = releases.at(-1);
  if (update !== null && last?.version !== update.version) fail('the last one is offered');
  if (update !== null && !['offered', 'downgrade'].includes(last?.rule ?? '')) fail('it says so');
  const above = releases.filter(({ rule }, i) => i < releases.length - 1 || !LAST.includes(rule));
  const offered = last?.rule === 'offered' ? last.version : version;
  let before: string | undefined;
  for (const one of above) {
    if (LAST.includes(one.rule)) fail(`${one.version} is not the last`);
    if (compareVersions(one.version, offered) <= 0) fail(`${one.version} is not above`);
    if (before !== undefined && compareVersions(one.version, before) >= 0) fail('in order');
    before = one.version;
    if (!isTrue(one, { explained, listed })) fail(`${one.rule} is true of ${one.version}`);
  }
  const named = new Set(above.map((one) => precedenceOf(one.version)));
  for (const release of listed) {
    const isAbove = compareVersions(release.version, offered) > 0;
    if (isAbove && !named.has(precedenceOf(release.version))) fail(`${release.version} is named`);
  }
}

/** Whether a rule holds by the release's own fields. */
function isTrue(
  { version, rule }: ExplainResponse['releases'][number],
  { explained, listed }: { readonly explained: ExplainResponse; readonly listed: readonly ListedRelease[] },
): boolean {
  const release = listed.find((one) => one.version === version);
  if (release === undefined) return rule === 'deleted';
  const { status, channel, rolledBack } = release;
  const own = release.artifacts.filter(
    (file) =>
      platformName(file) === explained.platform || explained.platform === `${file.target}-${file.arch}`,
  );
  if (status === 'draft') return rule === 'draft';
  if (status === 'yanked') return rule === (rolledBack ? 'rolled_back' : 'yanked');
  if (!['stable', explained.channel].includes(channel)) return rule === 'channel';
  const target = explained.platform.split('-')[0];
  switch (rule) {
    case 'platform':
      return release.artifacts.every((file) => file.target !== target);
    case 'bundle_type':
      return own.length === 0 || own.every(({ isOnlyByType }) => isOnlyByType);
    case 'file_missing':
      return own.some(({ isLost }) => isLost);
    case 'key':
      return own.some(({ signingKeyId }) => signingKeyId !== explained.key_id);
    case 'requires':
      return release.requires !== null && compareVersions(explained.version, release.requires) < 0;
    case 'paused':
      return release.pausedAt !== null;
    case 'scheduled':
    case 'cohort':
    case 'no_cohort':
      return release.rollout !== null && release.pausedAt === null;
    case 'dead_end':
      return true;
    default:
      return false;
  }
}

let apps = 0;

/** @returns how many answers were compared */
export async function askEverything(
  database: Database,
  { runs, about = ['explain', 'simulate'] }: { readonly runs: number; readonly about?: readonly string[] },
): Promise<number> {
  let questions = 0;
  const worlds = fc.record({
    history: fc.oneof({ weight: 3, arbitrary: history }, { weight: 1, arbitrary: rotated }),
    settings,
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(worlds, async ({ history: { builds, operations }, settings, changes }) => {
      const slug = `app-${apps++}`;
      const world = new World(await StoreWithApp.in(database, slug), builds);
      for (const operation of operations) await world.apply(operation, true);
      const asked = new AskedWorld(database, world, slug);
      await asked.apply(settings);
      if (about.includes('explain')) await asked.requireExplained();
      for (const one of about.includes('simulate') ? changes : []) await asked.requireSimulated(one);
      questions += asked.questions;
    }),
    { numRuns: runs, interruptAfterTimeLimit: 120_000 },
  );
  return questions;
}
