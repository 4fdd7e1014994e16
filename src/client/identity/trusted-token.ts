import { hasStatus, OtaError } from '../../errors.ts';
import type { ExchangeIdentityResponse } from '../../protocol/messages.ts';
import type { OtaClient } from '../ota-client.ts';
import type { IdentitySource } from './identity-source.ts';

/** How long before its end a token is replaced, in milliseconds: the requests that have it then still arrive. */
const MARGIN_MS = 2 * 60_000;

export interface TrustedTokenOptions {
  /** Of the server, without a token. */
  readonly client: OtaClient;
  readonly appId: string;
  readonly audience: string;
  readonly identities: IdentitySource;
  /** Gets each token that must not be printed. */
  readonly onSecret: (secret: string) => void;
  /** Milliseconds, rising. Replaced in tests. */
  readonly now?: () => number;
}

/** Extension `trusted-publishing`: the token that a CI job gets for its identity, replaced by another before it expires. */
export class TrustedToken {
  readonly #options: TrustedTokenOptions;
  readonly #now: () => number;
  #current: { readonly token: string; readonly until: number } | undefined;
  #exchange: Promise<string> | undefined;

  constructor(options: TrustedTokenOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws OtaError `unauthorized` when the server does not trust the job; `network` */
  get(): Promise<string> {
    if (this.#current !== undefined && this.#now() < this.#current.until) {
      return Promise.resolve(this.#current.token);
    }
    this.#exchange ??= this.#replace().finally(() => {
      this.#exchange = undefined;
    });
    return this.#exchange;
  }

  async #replace(): Promise<string> {
    const start = this.#now();
    const { token, expires_in: seconds } = await this.#exchangeNext();
    const lifeMs = seconds * 1000;
    this.#current = { token, until: start + Math.max(lifeMs - MARGIN_MS, lifeMs / 2) };
    return token;
  }

  async #exchangeNext(): Promise<ExchangeIdentityResponse> {
    const { client, appId, identities, audience, onSecret } = this.#options;
    const identity = await identities.next(audience);
    onSecret(identity);
    try {
      const response = await client.exchangeIdentity(appId, identity);
      onSecret(response.token);
      return response;
    } catch (error) {
      if (hasStatus(error, 403) && identities.hasAnother) return this.#exchangeNext();
      if (!hasStatus(error, 404, 405)) throw error;
      throw new OtaError('unauthorized', 'no token given, and the server has no trusted publishing', {
        cause: error,
        hint: 'Pass a token with --token-file PATH (- for stdin) or SYNCKIT_OTA_TOKEN, or upgrade the server.',
      });
    }
  }
}
