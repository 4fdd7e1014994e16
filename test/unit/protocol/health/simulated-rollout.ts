import {
  AGES,
  type Age,
  assessRelease,
  LOOP_DOWNLOADS,
  type PauseCause,
  type ReleaseSigns,
} from '../../../../src/protocol/health/assess-release.ts';
import type { Share } from '../../../../src/protocol/health/shares.ts';
import { cohortOrder } from '../../../../src/protocol/rollout/cohort.ts';
import { nextStepAfter, rolloutOf, shareAt } from '../../../../src/protocol/rollout/rollout.ts';
import { seeded } from '../../../support/counting/simulated-clients.ts';

// Simulates the installs of an app while a release is rolled out to them. Times are hours since it was published.

type Random = () => number;

export interface World {
  readonly installs: number;
  /** Of the installs: those in which the release fails. */
  readonly failing: number;
  /** What an install does in which it fails: nothing that is seen, or it downloads it again with each check. */
  readonly afterFailure: 'silent' | 'again';
  /** Of the failing installs: those that report it. */
  readonly reporting: number;
}

/** With which share they have a platform, and how likely they are never seen with a release, as if it had failed. */
const PLATFORMS = [
  { platform: 'windows-x86_64', until: 0.6, unseen: 0.05 },
  { platform: 'darwin-aarch64', until: 0.9, unseen: 0.03 },
  { platform: 'linux-x86_64', until: 1, unseen: 0.06 },
];
/** How much that differs from release to release: a standard deviation. */
const NOISE = 0.003;
/** Three in four restart at once, the others in this time on average. */
const AT_ONCE = 0.75;
const RESTART_HOURS = 3;
/** How far apart the checks of an install are. */
const CHECK_HOURS = { min: 4, max: 8 };

const RAMP_HOURS = 72;
const HOUR_MS = 60 * 60 * 1000;
/** How often it is assessed, and how long downloads are put together, in hours. */
const STEP_HOURS = 0.5;

const NEVER = Number.POSITIVE_INFINITY;

/** What happens to one install. */
interface Install {
  readonly platform: string;
  readonly downloadedAt: number;
  /** When it has downloaded it so often that it is in a loop. */
  readonly loopingAt: number;
  readonly convertedAt: number;
  readonly reportedAt: number;
}

/** The rollout of one release, from 5 % to all in three days. */
class SimulatedRelease {
  readonly #rollout = rolloutOf({ percent: 100, rampMs: RAMP_HOURS * HOUR_MS }, 0);
  readonly #installs: readonly Install[];

  constructor(id: string, world: World, random: Random) {
    const joined = this.#joinTimes(id);
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    this.#installs = Array.from({ length: world.installs }, () => {
      const joinedAt = joined[Math.floor(random() * joined.length)] ?? 0;
      return installOf(joinedAt, { world, random, noise: NOISE * normal });
    });
  }

  /** When each cohort is offered it, by the rollout's own steps. */
  #joinTimes(id: string): number[] {
    const release = { rollout: this.#rollout, pausedAt: null, pubDate: 0 };
    const times: number[] = [];
    for (let now = 0; times.length < 100; now = nextStepAfter(release, now))
      while (times.length < shareAt(release, now)) times.push(now / HOUR_MS);
    return Array.from(cohortOrder(id), (place) => times[place] ?? 0);
  }

  /** How many of the 100 cohorts are offered it. */
  shareAt(hours: number): number {
    return shareAt({ rollout: this.#rollout, pubDate: 0 }, hours * HOUR_MS);
  }

  /** What is known of it at each step. */
  *signs(hours: number): Generator<{ readonly at: number; readonly signs: ReleaseSigns }> {
    const names = PLATFORMS.map(({ platform }) => platform);
    const steps = Math.ceil(hours / STEP_HOURS) + 1;
    const tallies = new Map(names.map((platform) => [platform, new Tally(steps)]));
    for (const install of this.#installs) tallies.get(install.platform)?.count(install);
    for (let step = 0; step < steps; step++) {
      for (const tally of tallies.values()) tally.go(step);
      const shares = (pick: (tally: Tally) => Omit<Share, 'platform'>): Share[] =>
        [...tallies].map(([platform, tally]) => ({ platform, ...pick(tally) }));
      const conversions = Object.fromEntries(
        AGES.map((age) => [age, shares((tally) => tally.converted(age))]),
      ) as Record<Age, Share[]>;
      const [loops, failures] = [shares((tally) => tally.looping), shares((tally) => tally.failed)];
      yield { at: step * STEP_HOURS, signs: { conversions, loops, failures } };
    }
  }
}

function installOf(
  joinedAt: number,
  { world, random, noise }: { readonly world: World; readonly random: Random; readonly noise: number },
): Install {
  const place = random();
  const { platform, unseen } = PLATFORMS.find(({ until }) => place < until) ?? PLATFORMS[0] ?? never();
  const pause = CHECK_HOURS.min + (CHECK_HOURS.max - CHECK_HOURS.min) * random();
  const first = joinedAt + random() * pause;
  const loop = first + (LOOP_DOWNLOADS - 1) * pause;
  const isFailing = random() < world.failing;
  const isUnseen = random() < unseen + noise;
  const restart = random() < AT_ONCE ? 0.05 : -Math.log(1 - random()) * RESTART_HOURS;
  const isReporting = isFailing && random() < world.reporting;
  const convertedAt = isFailing || isUnseen ? NEVER : first + restart;
  // Who has not restarted by then still runs the version before, and downloads the release once more with each check.
  const isLooping = isFailing ? world.afterFailure === 'again' : !isUnseen && convertedAt > loop;
  return {
    platform,
    downloadedAt: first,
    loopingAt: isLooping ? loop : NEVER,
    convertedAt,
    reportedAt: isReporting ? first + 0.1 : NEVER,
  };
}

function never(): never {
  throw new Error('there are platforms');
}

/** What is known of the installs of one platform, step by step. */
class Tally {
  readonly #added: Readonly<Record<'downloaded' | 'looping' | 'failed', Float64Array>>;
  readonly #attempts: Readonly<Record<Age, Float64Array>>;
  readonly #converted: Readonly<Record<Age, Float64Array>>;
  readonly #now = { downloaded: 0, looping: 0, failed: 0 };
  readonly #known = AGES.map((age) => ({ age, of: 0, count: 0 }));

  constructor(steps: number) {
    const zeros = () => new Float64Array(steps);
    const ofAges = () => Object.fromEntries(AGES.map((age) => [age, zeros()])) as Record<Age, Float64Array>;
    this.#added = { downloaded: zeros(), looping: zeros(), failed: zeros() };
    this.#attempts = ofAges();
    this.#converted = ofAges();
  }

  count({ downloadedAt, loopingAt, convertedAt, reportedAt }: Install): void {
    add(this.#added.downloaded, downloadedAt);
    add(this.#added.looping, loopingAt);
    add(this.#added.failed, reportedAt);
    for (const age of AGES) {
      const known = Math.ceil(downloadedAt / STEP_HOURS) * STEP_HOURS + age;
      add(this.#attempts[age], known);
      if (convertedAt <= known) add(this.#converted[age], known);
    }
  }

  go(step: number): void {
    for (const name of ['downloaded', 'looping', 'failed'] as const)
      this.#now[name] += this.#added[name][step] ?? 0;
    for (const known of this.#known) {
      known.of += this.#attempts[known.age][step] ?? 0;
      known.count += this.#converted[known.age][step] ?? 0;
    }
  }

  converted(age: Age): Omit<Share, 'platform'> {
    const { of = 0, count = 0 } = this.#known.find((known) => known.age === age) ?? {};
    return { of, count };
  }

  get looping(): Omit<Share, 'platform'> {
    return { of: this.#now.downloaded, count: this.#now.looping };
  }

  get failed(): Omit<Share, 'platform'> {
    return { of: this.#now.downloaded, count: this.#now.failed };
  }
}

function add(counts: Float64Array, hours: number): void {
  const step = Math.ceil(hours / STEP_HOURS);
  if (step < counts.length) counts[step] = (counts[step] ?? 0) + 1;
}

export interface Outcome {
  /** Undefined where it was not paused. */
  readonly cause: PauseCause | undefined;
  /** How many of the 100 cohorts were offered it when it was paused. */
  readonly share: number;
}

/** Rolls a good release out, then one of a world, and assesses that at each step as the server does. */
export function simulateRollout(seed: number, world: World): Outcome {
  const random = seeded(Math.imul(2 * seed + 1, 0x9e3779b1));
  const good = { ...world, failing: 0 };
  const before = new SimulatedRelease(`before ${seed}`, good, random);
  const [last] = [...before.signs(RAMP_HOURS + 48)].slice(-1);
  const release = new SimulatedRelease(`release ${seed}`, world, random);
  for (const { at, signs } of release.signs(RAMP_HOURS)) {
    const cause = assessRelease(signs, last?.signs, { minimum: 50, tolerance: 0.01 });
    if (cause !== undefined) return { cause, share: release.shareAt(at) };
  }
  return { cause: undefined, share: 100 };
}
