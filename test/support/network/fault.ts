import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** A complete response. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** A request that arrived, and how far it got. */
export interface ProxiedRequest {
  /** Counted from 1. */
  readonly number: number;
  readonly method: string;
  /** Path and query, as received. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes of its body that were passed on so far. */
  readonly passedBytes: number;
  /** The server's response, sizes in bytes; `size` includes the head. Undefined until it came. */
  readonly answer: { readonly status: number; readonly headSize: number; readonly size: number } | undefined;
  /** Whether its fault was injected. */
  readonly struck: boolean;
}

/** The point in a request where something happens to it; bytes are counted from 0. */
export type Point =
  /** The server has not seen it. */
  | 'before'
  /** That number of bytes of its body have been passed on. */
  | { readonly requestByte: number }
  /** The server has responded; the client has not seen the response. */
  | 'applied'
  /** That number of bytes of the response, including its head, have been passed back. */
  | { readonly answerByte: number };

export interface Fault {
  readonly at: Point;
  /** Called and awaited at that point. */
  readonly action?: () => unknown;
  /**
   * How the request continues, normally if undefined: the client's connection is reset, closed or left without
   * another byte; or another response replaces the server's, or is made from it once the server has `applied` the
   * request, or is written piece by piece; or `late`: reset, but still passed on after `action`, as by a network
   * that held it back.
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
