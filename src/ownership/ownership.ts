import { setTimeout as sleep } from 'node:timers/promises';
import { type Renewal, recordLost, storageClaim } from '../database/queries/storage-ownership.ts';
import { OtaError } from '../errors.ts';
import { describeOwner, type PlaceState, type Refused, refusalError } from './classify-owner.ts';
import type { OwnerDocument } from './owner-document.ts';
import { inspectPlace, isProven, type PlaceOptions, renewClaim } from './place.ts';
import {
  CLAIM_LIFE_MS,
  type MonotonicClock,
  monotonicClock,
  type Pause,
  RenewalWatch,
} from './renewal-watch.ts';

/** How often the claim is renewed, by one of all nodes, in milliseconds. */
const RENEWAL_INTERVAL_MS = 60_000;
/** How often each node checks whether it is to be renewed, or was lost, in milliseconds. */
const CHECK_INTERVAL_MS = 5000;
/** How long a start waits for another node that claims the place, in milliseconds, and how often it checks. */
const START_WAIT_MS = 12_000;
const START_CHECK_MS = 200;

export interface OwnershipOptions extends PlaceOptions {
  /** Leaves the renewals to another process on the same store. */
  readonly watches?: boolean;
  readonly now?: MonotonicClock;
  /** Called when the files become this database's, or stop being so. */
  readonly onChange?: (problem: OtaError | undefined) => void;
}

/** Keeps proving, while a server runs, that the files in its storage are its database's. */
export class Ownership {
  readonly #options: OwnershipOptions;
  #problem: OtaError | undefined;
  #isLost = false;
  #unprovenAt = 0;
  #seen: Renewal | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  readonly #now: MonotonicClock;
  readonly #inDatabase: RenewalWatch;
  readonly #inPlace: RenewalWatch;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> = Promise.resolve();

  private constructor(options: OwnershipOptions) {
    this.#options = options;
    this.#now = options.now ?? monotonicClock;
    this.#inDatabase = new RenewalWatch(this.#now, Number.POSITIVE_INFINITY);
    this.#inPlace = new RenewalWatch(this.#now);
  }

  /** Claims the place, or renews the claim. @throws OtaError `store_unavailable` when it is refused, as by `Refusal` */
  static async open(options: OwnershipOptions): Promise<Ownership> {
    const ownership = new Ownership(options);
    await ownership.#open();
    return ownership;
  }

  /** Why nothing may be uploaded or removed now; undefined: it may. */
  get problem(): OtaError | undefined {
    return this.#problem;
  }

  requireOwned(): void {
    if (this.#problem) throw this.#problem;
  }

  /** Asks the place, before something is removed from it. @throws OtaError `store_unavailable` */
  async confirm(): Promise<void> {
    this.requireOwned();
    const { state } = await inspectPlace(this.#options, this.#seen);
    if (state.kind === 'refused') this.#loseForAll(state);
    this.requireOwned();
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#checking = this.#checking.then(() => this.check()).catch(() => {}); // neither database nor place: the next time
    }, CHECK_INTERVAL_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }

  /** Waits until it is known whether the files are this database's. @throws OtaError `store_unavailable` when they are not */
  async prove(pause: Pause): Promise<void> {
    while (this.#problem && !this.#isLost) {
      await pause(CHECK_INTERVAL_MS);
      await this.check();
    }
    this.requireOwned();
  }

  /** Renews the claim if it is time. Rejects when the database or the place cannot be asked. */
  async check(): Promise<void> {
    const { database } = this.#options;
    const claim = await storageClaim(database.queries);
    const unrenewedFor = this.#inDatabase.observe(claim.last);
    if (claim.lost !== null && !this.#isLost) this.#lose(new OtaError('store_unavailable', claim.lost));
    if (claim.last.epoch > (this.#seen?.epoch ?? 0) && claim.lost === null) this.#seen = claim.last;
    if (this.#isLost) {
      const isOverdue = this.#now() - this.#checkedAt >= RENEWAL_INTERVAL_MS;
      const isDue = claim.lost === null || (isOverdue && !this.#options.watches);
      if (isDue) await this.#checkAndRenew();
    } else if (this.#problem) {
      // Another node of this very database renews it, so the place is not a copy's.
      if (claim.last.epoch > this.#unprovenAt) this.#become(undefined);
      else await this.#checkAndRenew();
    } else if (
      unrenewedFor >= RENEWAL_INTERVAL_MS ||
      claim.instance !== (await database.identity()).instance
    ) {
      await this.#renew();
    }
  }

  async #open(): Promise<void> {
    const { location } = this.#options;
    for (const deadline = performance.now() + START_WAIT_MS; ; await sleep(START_CHECK_MS)) {
      const { state } = await inspectPlace(this.#options);
      if (state.kind === 'refused') throw refusalError(state, location);
      if (state.kind === 'ours' && !(await isProven(this.#options, state.owner))) {
        return this.#awaitProof(state.owner);
      }
      if (this.#options.watches) return;
      const result = await renewClaim(this.#options);
      if (result.kind === 'refused') throw refusalError(result, location);
      if (result.kind === 'renewed') this.#noteRenewal(result.renewal);
      if (result.kind === 'renewed' || state.kind === 'ours') return;
      if (performance.now() > deadline) {
        throw new OtaError('store_unavailable', `another node claims ${location}, and does not finish`, {
          hint: 'Start it again.',
        });
      }
    }
  }

  async #awaitProof(owner: OwnerDocument): Promise<void> {
    const { database, location } = this.#options;
    this.#unprovenAt = (await storageClaim(database.queries)).last.epoch;
    this.#inPlace.observe(owner);
    this.#problem = new OtaError(
      'store_unavailable',
      `another server may be using ${location} (${describeOwner(owner)}): only checks and downloads are answered, until it was not renewed for ${CLAIM_LIFE_MS / 1000} seconds`,
      {
        hint: 'After a restart of the machine or of PostgreSQL this passes by itself. If this database is a copy, it will be refused: give it a place of its own.',
      },
    );
  }

  async #checkAndRenew(): Promise<void> {
    const { state } = await inspectPlace(this.#options, this.#seen);
    if (state.kind === 'refused') {
      this.#checkedAt = this.#now();
      return this.#loseForAll(state);
    }
    if ((await this.#isFree(state)) && (await this.#renew())) this.#become(undefined);
  }

  async #isFree(state: Exclude<PlaceState, Refused>): Promise<boolean> {
    if (state.kind === 'unclaimed') return true;
    const unrenewedFor = this.#inPlace.observe(state.owner);
    return unrenewedFor >= CLAIM_LIFE_MS || isProven(this.#options, state.owner);
  }

  async #renew(): Promise<boolean> {
    if (this.#options.watches) return this.#isLost; // of a place that was found to be its own again
    const result = await renewClaim(this.#options, { seen: this.#seen });
    if (result.kind === 'refused') this.#loseForAll(result);
    if (result.kind === 'renewed') this.#noteRenewal(result.renewal);
    return result.kind === 'renewed';
  }

  #noteRenewal(renewal: Renewal): void {
    this.#seen = renewal;
    this.#inDatabase.observe(renewal);
  }

  #lose(error: OtaError): void {
    const wasLost = this.#isLost;
    this.#isLost = true;
    if (!wasLost) this.#become(error);
  }

  #loseForAll(refusal: Refused): void {
    const error = refusalError(refusal, this.#options.location);
    this.#lose(error);
    void recordLost(this.#options.database.queries, error.message).catch(() => {});
  }

  #become(problem: OtaError | undefined): void {
    if (problem === undefined) this.#isLost = false;
    this.#problem = problem;
    this.#options.onChange?.(problem);
  }
}
