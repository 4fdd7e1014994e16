import { type LeasedUpload, renewLease } from '../../database/queries/pending-uploads.ts';
import type { Queries } from '../../database/schema.ts';
import type { Clock } from '../../protocol/time.ts';

/** How long a lease lasts, in milliseconds; it is renewed three times as often. */
export const UPLOAD_LEASE_MS = 30_000;

export interface LeaseRenewalOptions {
  readonly queries: Queries;
  readonly clock: Clock;
  /** Called when renewing failed; it is tried again. */
  readonly onError: (error: unknown) => void;
}

/** Renews a lease until it is stopped. */
export class LeaseRenewal {
  readonly #options: LeaseRenewalOptions;
  readonly #timer: NodeJS.Timeout;
  #lease: Promise<LeasedUpload>;

  constructor(leased: LeasedUpload, options: LeaseRenewalOptions) {
    this.#options = options;
    this.#lease = Promise.resolve(leased);
    this.#timer = setInterval(() => {
      this.#lease = this.#lease.then((held) => this.#renew(held));
    }, UPLOAD_LEASE_MS / 3).unref();
  }

  /** @returns the lease as last renewed; it may be lost all the same: expired, and acquired by another node */
  stop(): Promise<LeasedUpload> {
    clearInterval(this.#timer);
    return this.#lease;
  }

  async #renew(held: LeasedUpload): Promise<LeasedUpload> {
    const { queries, clock, onError } = this.#options;
    const until = new Date(clock().getTime() + UPLOAD_LEASE_MS);
    return (await renewLease(queries, held, until).catch(onError)) ?? held;
  }
}
