import type { Extension } from '../../src/protocol/extensions.ts';
/** What a scenario may need beyond api.md: an extension by its name, or one of these. */
export type Need =
  | Extension
  /** Rules of synckit-ota that api.md does not state (`"name":"synckit-ota"`). */
  | 'ours'
  /** `Target.credentials` */
  | 'credentials'
  /** `Target.advance` */
  | 'clock'
  /** Uploads arrive at the server itself, and their answer tells what became of them. */
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

/** What is not good for the app, each for another reason. */
export interface Credentials {
  /** Tokens of the app. */
  readonly expired: string;
  readonly revoked: string;
  /** Its only scope is to read releases. */
  readonly readOnly: string;
  readonly otherApp: AppCredentials;
}

/** A server that claims to implement api.md, and an app on it that the scenarios may change at will. */
export interface Target {
  /** What its absolute URLs begin with, without a slash at the end. */
  readonly publicUrl: string;
  readonly app: AppCredentials;
  /** How large it makes the parts of a file, in bytes, where that is not the default. */
  readonly partSize?: number;
  /** A slug the app may have; others are made from it. */
  readonly slug: string;
  readonly credentials?: Credentials;
  /** `path` begins at the root: `/api/sync/ota`. Redirects are not followed. */
  request(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** The same for an absolute URL that the server answered with. */
  follow(method: string, url: string, options?: CallOptions): Promise<Reply>;
  /** Moves the server's clock. */
  advance?(milliseconds: number): void;
  /** Waits until the server has looked at what arrived in a store elsewhere. */
  settle?(): Promise<void>;
}
