/**
 * `token`: the holder of an access token. `operator`: a user of the machine at the command line. `identity`: a CI job, by the token
 * that it got for its identity. `server`: nothing but the passing of time.
 */
export type ActorKind = 'token' | 'operator' | 'identity' | 'server';

/** Who makes a change, and from where. */
export interface Actor {
  readonly kind: ActorKind;
  /** Of the token. */
  readonly id: string | null;
  /** Of the token, with which a CI job names its repository and run; of an operator the name of the OS user. */
  readonly name: string | null;
  /** The client's IP address. */
  readonly address: string | null;
  /** As in the log lines of the request. */
  readonly requestId: string | null;
}

/** Who makes a change, and when: no change is made without. */
export interface Attribution {
  readonly actor: Actor;
  readonly now: Date;
}

const NOWHERE = { address: null, requestId: null } as const;

export const SERVER: Actor = { kind: 'server', id: null, name: null, ...NOWHERE };

/** @param user the name of the OS user */
export function operator(user: string): Actor {
  return { kind: 'operator', id: null, name: user, ...NOWHERE };
}

/** The token that a change was made with, if it was one. */
export function tokenIdOf({ kind, id }: Actor): string | null {
  return kind === 'token' || kind === 'identity' ? id : null;
}

/** What the audit log has as the hash before its first entry. */
export const GENESIS = '0'.repeat(64);
