import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** An answer, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** A request that came, and how far it got. */
export interface ProxiedRequest {
  /** From 1 on. */
  readonly number: number;
  readonly method: string;
  /** Path and query, as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes of its body that were passed on so far. */
  readonly passedBytes: number;
  /** What the server answered, sizes in bytes with its head; undefined as long as it did not. */
  readonly answer: { readonly status: number; readonly headSize: number; readonly size: number } | undefined;
  /** Whether its fault came to pass. */
  readonly struck: boolean;
}

/** Where in the life of a request something happens to it; bytes are counted from 0. */
export type Point =
  /** The server has seen nothing of it. */
  | 'before'
  /** So many bytes of its body have been passed on. */
  | { readonly requestByte: number }
  /** The server has answered; the client has seen nothing of that. */
  | 'applied'
  /** So many bytes of the answer, its head included, have been passed back. */
  | { readonly answerByte: number };

export interface Fault {
  readonly at: Point;
  /** Waited for there. */
  readonly meanwhile?: () => unknown;
  /**
   * How it goes on, and without it as if nothing had been: the client's connection is reset, closed or left without
   * another byte; or another answer takes the place of the server's, or is made of it once the server has `applied` it,
   * or is given piece by piece; or `late`: reset, and only after `meanwhile` passed on all the same, as by a network
   * that had kept it.
   */
  readonly outcome?:
    | 'reset'
    | 'close'
    | 'hold'
    | 'late'
    | Answer
    | ((answer: Answer) => Answer)
    | { readonly respond: (response: ServerResponse) => void };
}
