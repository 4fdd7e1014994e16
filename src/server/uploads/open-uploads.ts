import type { IncomingMessage } from 'node:http';
import type { TurnOrder } from '../../storage/disk/part-turns.ts';

/** How long a client may send no byte, while the server waits for one, before another request takes over, in milliseconds. */
const STALL_MS = 5000;
const STALL_CHECK_MS = 500;

/** A single PUT, until it is answered. */
export interface OpenUpload {
  /** The body. The time that its reader takes is not the client's. */
  watch(body: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  /** Call when the request is about to be answered. */
  end(): void;
}

interface Receiving {
  readonly request: IncomingMessage;
  /** Since when the server waits for the client's next bytes; undefined while it works itself. */
  waitsSince: number | undefined;
  hasArrived: boolean;
  readonly ended: PromiseWithResolvers<void>;
}

export interface OpenUploadsOptions {
  /** Asked by each process that serves the same uploads. Default: this process is the only one. */
  readonly turns?: TurnOrder | undefined;
  readonly now?: () => number;
}

/**
 * The single PUTs that are under way, so that each URL has one at a time: a second one, which could only be refused in
 * the end, does not send its bytes first.
 */
export class OpenUploads {
  readonly #byId = new Map<string, Receiving>();
  readonly #turns: TurnOrder | undefined;
  readonly #now: () => number;

  constructor({ turns, now = () => performance.now() }: OpenUploadsOptions = {}) {
    this.#turns = turns;
    this.#now = now;
  }

  /** @returns undefined if another request is sending this upload. One that its client seems to have left is ended. */
  async begin(uploadId: string, request: IncomingMessage): Promise<OpenUpload | undefined> {
    const other = this.#byId.get(uploadId);
    if (other !== undefined && !this.#isAbandoned(other)) return undefined;
    const ended = Promise.withResolvers<void>();
    const own: Receiving = { request, waitsSince: undefined, hasArrived: false, ended };
    this.#byId.set(uploadId, own);
    other?.request.destroy();
    if (this.#turns !== undefined) await other?.ended.promise; // its turn
    const endTurn = await this.#takeTurn(uploadId, own);
    const end = () => {
      endTurn?.();
      if (this.#byId.get(uploadId) === own) this.#byId.delete(uploadId);
      ended.resolve();
    };
    if (endTurn !== undefined) return { watch: (body) => this.#watched(body, own), end };
    end();
    return undefined;
  }

  /** @returns ends the turn; undefined if another process has it */
  #takeTurn(uploadId: string, own: Receiving): Promise<(() => void) | undefined> {
    if (this.#turns === undefined) return Promise.resolve(() => {});
    const { promise, resolve } = Promise.withResolvers<(() => void) | undefined>();
    let watch: NodeJS.Timeout | undefined;
    const giveWay = () => this.#isAbandoned(own) && own.request.destroy();
    const release = this.#turns.request(
      { upload: uploadId, part: 0, isUrgent: false, maxWaiting: 0 },
      {
        granted: () => resolve(end),
        refused: () => resolve(undefined),
        wanted: () => {
          watch ??= setInterval(giveWay, STALL_CHECK_MS).unref();
        },
      },
    );
    function end(): void {
      clearInterval(watch);
      release();
    }
    return promise;
  }

  async *#watched(body: AsyncIterable<Buffer>, own: Receiving): AsyncIterable<Buffer> {
    own.waitsSince = this.#now();
    for await (const chunk of body) {
      own.waitsSince = undefined;
      yield chunk;
      own.waitsSince = this.#now();
    }
    own.hasArrived = true;
  }

  #isAbandoned({ request, waitsSince = Number.POSITIVE_INFINITY, hasArrived }: Receiving): boolean {
    return !hasArrived && (request.destroyed || this.#now() - waitsSince > STALL_MS);
  }
}
