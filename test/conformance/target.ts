import type { Extension } from '../../src/protocol/extensions.ts';
/** What a scenario can need beyond api.md: an extension by its name, or one of these. */
export type Need =
  | Extension
  /** Rules of synckit-ota that api.md does not state (`"name":"synckit-ota"`). */
  | 'ours'
  /** `Target.credentials` */
  | 'credentials'
  /** `Target.advance` */
  | 'clock'
  /** Uploads arrive at the server itself, and the response says what became of them. */
  | 'own-storage';

export interface Reply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Sends the body without saying how long it is. */
  readonly chunked?: boolean;
}

export interface AppCredentials {
  readonly id: string;
  readonly token: string;
}

/** Tokens that are not valid for the app, each for a different reason. */
export interface Credentials {
  /** Tokens of the app. */
  readonly expired: string;
  readonly revoked: string;
  /** Its only scope is to read releases. */
  readonly readOnly: string;
  readonly otherApp: AppCredentials;
}

/** A server that claims to implement api.md, and an app on it that scenarios can change. */
export interface Target {
  /** The start of its absolute URLs, without a slash at the end. */
  readonly publicUrl: string;
  readonly app: AppCredentials;
  /** The size of its parts in bytes, if not the default. */
  readonly partSize?: number;
  /** A slug for the app; others are derived from it. */
  readonly slug: string;
  readonly credentials?: Credentials;
  /** `path` begins at the root: `/api/sync/ota`. Redirects are not followed. */
  request(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** The same for an absolute URL in a response. */
  follow(method: string, url: string, options?: CallOptions): Promise<Reply>;
  /** Moves the server's clock. */
  advance?(milliseconds: number): void;
  /** Waits until the server has polled a remote store for uploads. */
  settle?(): Promise<void>;
}
