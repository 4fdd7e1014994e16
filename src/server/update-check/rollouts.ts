import type { CohortRule, HeldVersion } from '../../database/queries/held-releases.ts';
import {
  type Audience,
  COHORTS,
  cohortOfAddress,
  dayOf,
  endOfDay,
  type Hold,
  holdOf,
  nextStepOf,
} from '../../protocol/rollout/cohort.ts';

/** Who asks for an update, as far as rollouts matter. */
export interface Asker extends Audience {
  /** Where the request comes from; empty where that does not matter, as for a file that is the same for all. */
  readonly address: string;
}

/** Apps that do not say who they are. */
export const ANYONE: Asker = { cohort: undefined, isManual: false, address: '' };

/** What all apps get, whatever cohort they are in: that of one that comes after all others. */
export const EVERYONE: Asker = { cohort: COHORTS, isManual: false, address: '' };

/** For how long a response holds that depends on rollouts, and which apps it is for. */
export interface Validity {
  /** In milliseconds since 1970. */
  readonly until: number;
  /** What tells the apps apart that get it: what they say, or their address. */
  readonly by: 'audience' | 'address';
}

/** Some releases that one group of apps is not offered now, by their ids. */
export type Withheld = ReadonlySet<string>;

/** What the offers of an app depend on while some releases are not offered to everyone. */
export class Rollouts<Offers> {
  readonly #held: readonly HeldVersion[];
  readonly #rule: CohortRule;
  readonly #now: number;
  readonly #offers = new Map<string, Offers>();
  /** When others than now are offered one of them, in milliseconds since 1970. */
  readonly nextStep: number;

  /** @param now milliseconds since 1970, when all this holds */
  constructor(held: readonly HeldVersion[], rule: CohortRule, now: number) {
    this.#held = held;
    this.#rule = rule;
    this.#now = now;
    this.nextStep = nextStepOf(held, now);
  }

  /** What each group of apps is not offered: there are as many groups as differ in that. */
  groups(): Withheld[] {
    const cohorts = [undefined, ...Array.from({ length: COHORTS }, (_, cohort) => cohort)];
    const audiences = [
      ...cohorts.map((cohort) => ({ cohort, isManual: false })),
      { cohort: undefined, isManual: true },
    ];
    const groups = new Map(
      audiences.map((audience) => {
        const withheld = this.#withheldFrom(audience);
        return [keyOf(withheld), new Set(withheld)] as const;
      }),
    );
    return [...groups.values()];
  }

  /** The one group that an app is in. @param now as in `offersFor` */
  groupsOf(asker: Asker, now: number): Withheld[] {
    return [new Set(this.#withheldFrom(this.audienceOf(asker, now)))];
  }

  setOffers(withheld: Withheld, offers: Offers): void {
    this.#offers.set(keyOf([...withheld]), offers);
  }

  /** The same rollouts with the offers in another form. */
  map<Other>(change: (offers: Offers) => Other): Rollouts<Other> {
    const mapped = new Rollouts<Other>(this.#held, this.#rule, this.#now);
    for (const [key, offers] of this.#offers) mapped.#offers.set(key, change(offers));
    return mapped;
  }

  get offers(): readonly Offers[] {
    return [...this.#offers.values()];
  }

  /** @param now milliseconds since 1970, for the day */
  offersFor(asker: Asker, now: number): Offers | undefined {
    return this.#offers.get(keyOf(this.#withheldFrom(this.audienceOf(asker, now))));
  }

  /** With the cohort that an app counts as being in. @param now as in `offersFor` */
  audienceOf(asker: Asker, now: number): Audience {
    const { isManual } = asker;
    if (!this.#isByAddress(asker)) return { cohort: asker.cohort, isManual };
    return { cohort: cohortOfAddress(asker.address, { key: this.#rule.key, day: dayOf(now) }), isManual };
  }

  /** What holds releases back from an app, by their ids. */
  holdsFor(audience: Audience): ReadonlyMap<string, Hold> {
    const holds = this.#held.map((release) => [release.id, holdOf(release, audience, this.#now)] as const);
    return new Map(holds.flatMap(([id, hold]) => (hold === undefined ? [] : [[id, hold]])));
  }

  validityFor(asker: Asker, now: number): Validity {
    if (!this.#isByAddress(asker)) return { until: this.nextStep, by: 'audience' };
    return { until: Math.min(this.nextStep, endOfDay(now)), by: 'address' };
  }

  #isByAddress({ cohort, isManual, address }: Asker): boolean {
    return this.#rule.fallback === 'address' && cohort === undefined && !isManual && address !== '';
  }

  #withheldFrom(audience: Audience): string[] {
    return this.#held
      .filter((release) => holdOf(release, audience, this.#now) !== undefined)
      .map(({ id }) => id);
  }
}

function keyOf(withheld: readonly string[]): string {
  return withheld.join(' ');
}
