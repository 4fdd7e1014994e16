import type { Client, ClientConfig } from 'pg';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { READ_ONLY } from '../database-error.ts';
import type { PostgresHost, PostgresUrl } from './postgres-url.ts';

type ClientClass = new (config: ClientConfig) => Client;

/** SQLSTATEs of a server that does not let this user in: the others would not, either. */
const DENIED = /^28/;

/** The servers that a URL names. libpq would try each of them for every connection; here the listener finds the one. */
export class ServerList {
  readonly #hosts: PostgresUrl['hosts'];
  readonly #config: ClientConfig;
  readonly #Client: ClientClass;
  /** The one that was found last. */
  #current: PostgresHost;

  constructor(hosts: PostgresUrl['hosts'], config: ClientConfig, Client: ClientClass) {
    this.#hosts = hosts;
    this.#config = config;
    this.#Client = Client;
    this.#current = hosts[0];
  }

  /** Hosts, ports and the database, without credentials. */
  get location(): string {
    const clients = this.#hosts.map((host) => this.#clientOf(host));
    return `${clients.map(nameOf).join(',')}/${clients[0]?.database ?? ''}`;
  }

  /** Whether connections go over a network in clear text, and nothing says that they should. */
  get isExposed(): boolean {
    if (this.#config.ssl !== undefined) return false;
    return this.#hosts.some((host) => {
      const client = this.#clientOf(host);
      return !client.ssl && !/^(\/|localhost$|127\.|::1$)/.test(client.host);
    });
  }

  get isEncrypted(): boolean {
    return Boolean(this.#clientOf(this.#current).ssl);
  }

  get current(): PostgresHost {
    return this.#current;
  }

  /** How to connect to the server that was found last. */
  get currentConfig(): ClientConfig {
    return { ...this.#config, ...this.#current };
  }

  /** One client for each server. */
  all(applicationName: string): Client[] {
    return this.#hosts.map((host) => this.#clientOf(host, applicationName));
  }

  /**
   * Finds the first server that can be used.
   * @param use connects, and rejects where the server is not the right one
   * @throws what `use` threw for the only server, or one error for all of them
   */
  async find<T>(use: (client: Client) => Promise<T>, applicationName?: string): Promise<T> {
    const failures: { readonly name: string; readonly error: unknown }[] = [];
    for (const host of this.#hosts) {
      const client = this.#clientOf(host, applicationName);
      try {
        const found = await use(client);
        this.#current = host;
        return found;
      } catch (error) {
        const isFinal = error instanceof OtaError && error.cause === undefined; // of the database, not of a server
        if (this.#hosts.length === 1 || isFinal || DENIED.test(errorCode(error) ?? '')) throw error;
        failures.push({ name: nameOf(client), error });
      }
    }
    throw noneOf(failures);
  }

  #clientOf(host: PostgresHost, applicationName = this.#config.application_name): Client {
    return new this.#Client({ ...this.#config, ...host, application_name: applicationName });
  }
}

function nameOf({ host, port }: Client): string {
  return host.startsWith('/') ? host : `${host}:${port}`;
}

/** Read-only servers among those that cannot be reached: the primary is missing. */
function noneOf(failures: readonly { readonly name: string; readonly error: unknown }[]): Error {
  const causes = failures.map(({ error }) => (error instanceof Error && error.cause) || error);
  const codes = causes.map((cause) => errorCode(cause));
  const code = codes.includes(READ_ONLY) ? READ_ONLY : codes.at(-1);
  const texts = failures.map(({ name }, i) => `${name}: ${messageOf(causes[i])}`);
  return Object.assign(new Error(texts.join('; ')), { code });
}
