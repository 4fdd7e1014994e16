import Type, { type Static } from 'typebox';

/** What a worker reports to the process that started it. */
export const WorkerMessage = Type.Union([
  /** It can take connections. */
  Type.Object({ type: Type.Literal('ready') }),
  Type.Object({
    type: Type.Literal('failed'),
    code: Type.Union([Type.Literal('usage'), Type.Literal('store_unavailable')]),
    message: Type.String(),
    hint: Type.Optional(Type.String()),
  }),
  /** It has the oldest of the connections that it was sent. */
  Type.Object({ type: Type.Literal('taken') }),
  /** It got a signal to stop, and serves until it is sent `stop`. */
  Type.Object({ type: Type.Literal('leaving') }),
  /** `isWatched`: a load balancer goes by its `/readyz`. */
  Type.Object({ type: Type.Literal('draining'), isWatched: Type.Boolean() }),
]);
export type WorkerMessage = Static<typeof WorkerMessage>;

/** What the process that started a worker sends to it, in this order. */
export const MainMessage = Type.Union([
  /** The first; `url` is where connections are accepted. */
  Type.Object({ type: Type.Literal('serve'), url: Type.String() }),
  /** With its socket. */
  Type.Object({ type: Type.Literal('connection') }),
  Type.Object({ type: Type.Literal('drain') }),
  /** The last: no connection follows. */
  Type.Object({ type: Type.Literal('stop') }),
]);
export type MainMessage = Static<typeof MainMessage>;
