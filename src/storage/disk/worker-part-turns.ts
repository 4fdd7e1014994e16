import cluster, { type Worker } from 'node:cluster';
import Type, { type Static } from 'typebox';
import { matches } from '../../protocol/validate.ts';
import { type TurnListener, type TurnOrder, type TurnRequest, TurnTable } from './part-turns.ts';

/** From a worker; `id` is the worker's own number for a turn. */
const TurnMessage = Type.Union([
  Type.Object({
    type: Type.Literal('turn_requested'),
    id: Type.Integer(),
    upload: Type.String(),
    part: Type.Union([Type.Integer(), Type.Null()]),
    isUrgent: Type.Boolean(),
    maxWaiting: Type.Union([Type.Integer(), Type.Null()]),
  }),
  Type.Object({ type: Type.Literal('turn_ended'), id: Type.Integer() }),
]);

/** To a worker. */
const TurnReply = Type.Union([
  Type.Object({ type: Type.Literal('turn_granted'), id: Type.Integer() }),
  Type.Object({ type: Type.Literal('turn_refused'), id: Type.Integer() }),
  Type.Object({ type: Type.Literal('turn_wanted'), id: Type.Integer(), isUrgent: Type.Boolean() }),
]);

/**
 * Call once in the process that starts workers: it decides for all of them. What a worker has ends with the worker, once
 * the system has no process of it any more, so that nothing it began is written later.
 */
export function orderPartsOfWorkers(): void {
  const table = new TurnTable();
  const turns = new Map<Worker, Map<number, () => void>>();
  cluster.on('message', (worker, message: unknown) => {
    if (!matches(TurnMessage, message) || worker.isDead()) return;
    const own = turns.get(worker) ?? new Map<number, () => void>();
    turns.set(worker, own);
    if (message.type === 'turn_ended') {
      own.get(message.id)?.();
      own.delete(message.id);
      return;
    }
    const { id, upload, part, isUrgent, maxWaiting } = message;
    const reply = (what: Static<typeof TurnReply>) => worker.send(what, () => {}); // it may be ending
    const end = table.request(
      { upload, part: part ?? undefined, isUrgent, maxWaiting: maxWaiting ?? undefined },
      {
        granted: () => reply({ type: 'turn_granted', id }),
        refused: () => reply({ type: 'turn_refused', id }),
        wanted: (urgent) => reply({ type: 'turn_wanted', id, isUrgent: urgent }),
      },
    );
    own.set(id, end);
  });
  cluster.on('exit', (worker) => {
    for (const end of turns.get(worker)?.values() ?? []) end();
    turns.delete(worker);
  });
}

/** In a worker: the process that started it decides. */
export class WorkerTurns implements TurnOrder {
  readonly #listeners = new Map<number, TurnListener>();
  #lastId = 0;

  constructor() {
    cluster.worker?.on('message', (message: unknown) => {
      if (!matches(TurnReply, message)) return;
      const listener = this.#listeners.get(message.id);
      if (message.type === 'turn_granted') listener?.granted();
      else if (message.type === 'turn_refused') listener?.refused();
      else listener?.wanted(message.isUrgent);
    });
  }

  request({ upload, part, isUrgent, maxWaiting }: TurnRequest, listener: TurnListener): () => void {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#listeners.set(id, listener);
    send({
      type: 'turn_requested',
      id,
      upload,
      part: part ?? null,
      isUrgent,
      maxWaiting: maxWaiting ?? null,
    });
    return () => {
      this.#listeners.delete(id);
      send({ type: 'turn_ended', id });
    };
  }
}

/** Without the process that started it, a worker ends. */
function send(message: Static<typeof TurnMessage>): void {
  cluster.worker?.send(message, () => {});
}
