import Type from 'typebox';
import { OtaError } from '../../errors.ts';
import { decodeIfMatching, receive } from '../response.ts';
import { parseRetryAfter } from '../retry.ts';
import { displayUrl, type Transport } from '../transport/transport.ts';

/** Where a CI job gets identity tokens, which prove to a server which job it is. */
export interface IdentitySource {
  /**
   * One that was not handed out before.
   * @param audience what it is for; a source with tokens that exist already cannot choose
   * @throws OtaError
   */
  next(audience: string): Promise<string>;
  /** Whether it has another one in case that one is refused, since an earlier command of the job used it. */
  readonly hasAnother: boolean;
}

const TIMEOUT_MS = 30_000;
const Issued = Type.Object({ value: Type.String({ minLength: 1 }) });

export interface RunnerAddress {
  /** `ACTIONS_ID_TOKEN_REQUEST_URL` */
  readonly url: string;
  /** `ACTIONS_ID_TOKEN_REQUEST_TOKEN` */
  readonly token: string;
}

/** GitHub Actions, Forgejo Actions and Gitea Actions: the runner has a token issued whenever it is asked. */
export class RunnerIdentities implements IdentitySource {
  readonly hasAnother = false; // it would be refused for the same reason
  readonly #address: RunnerAddress;
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;

  constructor(address: RunnerAddress, transport: Transport, signal?: AbortSignal) {
    this.#address = address;
    this.#transport = transport;
    this.#signal = signal;
  }

  async next(audience: string): Promise<string> {
    const url = new URL(this.#address.url);
    url.searchParams.set('audience', audience);
    const response = await this.#transport.send({
      method: 'GET',
      url,
      headers: { accept: 'application/json', authorization: `Bearer ${this.#address.token}` },
      idleTimeoutMs: TIMEOUT_MS,
      signal: this.#signal,
    });
    const { status, text, header } = await receive(response, url);
    const issued = status === 200 ? decodeIfMatching(Issued, text) : undefined;
    if (issued !== undefined) return issued.value;
    const isPassing = status === 408 || status === 429 || status >= 500;
    throw new OtaError(
      isPassing ? 'network' : 'unauthorized',
      `${displayUrl(url)} issued no identity token for this job (status ${status})`,
      {
        hint: 'Check that the job may have one: `permissions: id-token: write`, or `enable-openid-connect: true` with Forgejo.',
        retryAfterMs: parseRetryAfter(header('retry-after'), new Date()),
      },
    );
  }
}

/** GitLab CI: the job starts with its tokens, each of which is accepted once. */
export class GivenIdentities implements IdentitySource {
  readonly #left: string[];

  constructor(tokens: readonly string[]) {
    this.#left = [...tokens];
  }

  get hasAnother(): boolean {
    return this.#left.length > 0;
  }

  async next(): Promise<string> {
    const token = this.#left.shift();
    if (token !== undefined) return token;
    throw new OtaError(
      'unauthorized',
      "all of this job's identity tokens were used, and each is accepted once",
      {
        hint: 'Give the job another one under `id_tokens:`, named SYNCKIT_OTA_ID_TOKEN_2, with the same aud.',
      },
    );
  }
}
