import { setTimeout as sleep } from 'node:timers/promises';
import type { JWK } from 'jose';
import Type from 'typebox';
import { OtaError } from '../errors.ts';
import type { Clock } from '../protocol/time.ts';
import { matches } from '../protocol/validate.ts';
import { messageOf } from '../runtime/error-details.ts';
import { isLoopback } from '../runtime/network/loopback.ts';
import { fetchDocument } from './fetch-document.ts';

/** How often an issuer is asked at most, in milliseconds. */
const FETCH_INTERVAL_MS = 60_000;
/** How old keys may be before the issuer is asked whether it still has them, in milliseconds. */
const FRESH_MS = 10 * 60_000;
/** How old they may be while the issuer cannot be reached, in milliseconds. */
const STALE_MS = 60 * 60_000;
/** How long to wait for a fetch of another process, in milliseconds, which takes two requests at most. */
const WAIT_MS = 11_000;
const POLL_MS = 100;

/** What is known of an issuer's keys: shared by all processes of a server, so that they ask it no more often than one would. */
export interface IssuerRecord {
  /** The JWKS that it published last; null before the first. */
  readonly jwks: string | null;
  /** Milliseconds since 1970, as are the others; 0 for never. */
  readonly fetchedAt: number;
  /** When a fetch started, and when the last one ended. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Why the last one failed; null if it did not. */
  readonly error: string | null;
}

/** Where the records are kept. */
export interface IssuerRecords {
  find(issuer: string): Promise<IssuerRecord | undefined>;
  /** Starts a fetch, unless one was started within `intervalMs`: of several processes only one does. */
  start(issuer: string, intervalMs: number, now: number): Promise<boolean>;
  end(
    issuer: string,
    outcome: { readonly jwks: string } | { readonly error: string },
    now: number,
  ): Promise<void>;
}

export type KeyResult =
  | { readonly kind: 'found'; readonly key: JWK }
  /** It is none of the issuer's, as far as is known: a new one is found within a minute. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** The public keys of issuers, which are named by the operator and never by a token. */
export class IssuerKeys {
  readonly #records: IssuerRecords;
  readonly #clock: Clock;
  /** Fetches of this process. */
  readonly #fetches = new Map<string, Promise<void>>();

  constructor(records: IssuerRecords, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  async find(issuer: string, kid: string): Promise<KeyResult> {
    let record = await this.#records.find(issuer);
    let key = keyIn(record, kid);
    if ((key === undefined || this.#ageOf(record) > FRESH_MS) && !this.#wasJustRead(record)) {
      await this.#refresh(issuer);
      record = await this.#records.find(issuer);
      key = keyIn(record, kid);
    }
    if (this.#ageOf(record) > STALE_MS) {
      return { kind: 'unavailable', reason: record?.error ?? `the keys of ${issuer} are being read` };
    }
    return key === undefined ? { kind: 'unknown' } : { kind: 'found', key };
  }

  #ageOf(record: IssuerRecord | undefined): number {
    return this.#clock().getTime() - (record?.fetchedAt ?? 0);
  }

  #wasJustRead(record: IssuerRecord | undefined): boolean {
    if (record === undefined || record.endedAt < record.startedAt) return false;
    return Math.abs(this.#clock().getTime() - record.startedAt) < FETCH_INTERVAL_MS;
  }

  #refresh(issuer: string): Promise<void> {
    const running = this.#fetches.get(issuer);
    if (running !== undefined) return running;
    const fetch = this.#fetchOrWait(issuer).finally(() => this.#fetches.delete(issuer));
    this.#fetches.set(issuer, fetch);
    return fetch;
  }

  async #fetchOrWait(issuer: string): Promise<void> {
    const now = this.#clock().getTime();
    if (!(await this.#records.start(issuer, FETCH_INTERVAL_MS, now))) {
      return this.#waitForOther(issuer);
    }
    const outcome = await fetchJwks(issuer).then(
      (jwks) => ({ jwks: JSON.stringify(jwks) }),
      (error: unknown) => ({ error: messageOf(error) }),
    );
    await this.#records.end(issuer, outcome, this.#clock().getTime());
  }

  async #waitForOther(issuer: string): Promise<void> {
    for (let waited = 0; waited < WAIT_MS; waited += POLL_MS) {
      const record = await this.#records.find(issuer);
      if (record === undefined || record.endedAt >= record.startedAt) return;
      if (this.#clock().getTime() - record.startedAt > WAIT_MS) return; // the process that started it has ended
      await sleep(POLL_MS);
    }
  }
}

const DiscoveryDocument = Type.Object({ issuer: Type.String(), jwks_uri: Type.String() });
const Jwks = Type.Object({ keys: Type.Array(Type.Object({ kty: Type.String() }), { maxItems: 100 }) });

/** OpenID Connect Discovery 1.0, section 4. @throws OtaError */
async function fetchJwks(issuer: string): Promise<unknown> {
  const document = await fetchDocument(secure(`${issuer}/.well-known/openid-configuration`));
  if (!matches(DiscoveryDocument, document)) throw unusable(issuer, 'has no issuer and jwks_uri');
  if (document.issuer !== issuer) throw unusable(issuer, 'is of another issuer');
  const location = URL.canParse(document.jwks_uri) ? new URL(document.jwks_uri) : undefined;
  if (location?.origin !== new URL(issuer).origin)
    throw unusable(issuer, 'has its jwks_uri at another origin');
  const jwks = await fetchDocument(secure(location.href));
  if (!matches(Jwks, jwks)) throw new OtaError('network', `the JWKS of ${issuer} cannot be understood`);
  return jwks;
}

function unusable(issuer: string, reason: string): OtaError {
  return new OtaError('network', `the discovery document of ${issuer} cannot be used: it ${reason}`);
}

function secure(text: string): URL {
  const url = new URL(text);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return url;
  throw new OtaError('network', `${url.origin} is not reached by https`);
}

function keyIn(record: IssuerRecord | undefined, kid: string): JWK | undefined {
  if (record?.jwks == null) return undefined;
  const { keys } = JSON.parse(record.jwks) as { readonly keys: readonly JWK[] };
  return keys.find((key) => key.kid === kid);
}
