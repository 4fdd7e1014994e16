/** How long a part may not move before another request takes over that waits for it, in milliseconds. */
const STALL_MS = 5000;
/** How often it is checked whether a part moves that is waited for, in milliseconds. */
const STALL_CHECK_MS = 500;

export interface TurnRequest {
  /** The name of the upload's folder. */
  readonly upload: string;
  /** From 1; undefined for all of the upload, to assemble or remove it. */
  readonly part?: number | undefined;
  /** Whether those that have a turn now are to end it at once, and not only if they do not move. */
  readonly isUrgent: boolean;
  /** How many for the same part may wait before this one; it is refused if there are more. Default: any number. */
  readonly maxWaiting?: number | undefined;
}

/** Called while somebody waits for a turn or has it. */
export interface TurnListener {
  /** Once, unless it is refused. */
  granted(): void;
  /** At once, and then nothing more: too many wait already. */
  refused(): void;
  /** At most twice: another waits for this turn to end, and then perhaps an urgent one. */
  wanted(isUrgent: boolean): void;
}

/** Gives the turns to write: to each part one request at a time, and to all of an upload one alone. */
export interface TurnOrder {
  /** @returns ends the turn, or the wait for it */
  request(request: TurnRequest, listener: TurnListener): () => void;
}

interface Entry extends TurnRequest {
  readonly listener: TurnListener;
  hasTurn: boolean;
  wanted: 'no' | 'yes' | 'urgently';
}

/** Gives turns in the order of their requests, in memory. */
export class TurnTable implements TurnOrder {
  /** By upload, in order. */
  readonly #entries = new Map<string, Entry[]>();

  request(request: TurnRequest, listener: TurnListener): () => void {
    const entry: Entry = { ...request, listener, hasTurn: false, wanted: 'no' };
    const entries = this.#entries.get(request.upload) ?? [];
    const before = entries.filter((other) => excludes(other, entry));
    const waiting = before.filter(({ hasTurn, part }) => !hasTurn && part === request.part).length;
    if (before.length > 0 && waiting >= (request.maxWaiting ?? Number.POSITIVE_INFINITY)) {
      for (const other of before) if (other.hasTurn) want(other, false);
      listener.refused();
      return () => {};
    }
    this.#entries.set(request.upload, [...entries, entry]);
    this.#advance(request.upload);
    return () => this.#end(entry);
  }

  #end(entry: Entry): void {
    const others = (this.#entries.get(entry.upload) ?? []).filter((other) => other !== entry);
    if (others.length > 0) this.#entries.set(entry.upload, others);
    else this.#entries.delete(entry.upload);
    this.#advance(entry.upload);
  }

  #advance(upload: string): void {
    const entries = this.#entries.get(upload) ?? [];
    for (const [i, entry] of entries.entries()) {
      if (entry.hasTurn) continue;
      const before = entries.slice(0, i).filter((other) => excludes(other, entry));
      if (before.length === 0) {
        entry.hasTurn = true;
        entry.listener.granted();
      }
      for (const other of before) if (other.hasTurn) want(other, entry.isUrgent);
    }
  }
}

function excludes(one: TurnRequest, other: TurnRequest): boolean {
  return one.part === undefined || other.part === undefined || one.part === other.part;
}

function want(entry: Entry, isUrgent: boolean): void {
  if (entry.wanted === 'urgently' || (entry.wanted === 'yes' && !isUrgent)) return;
  entry.wanted = isUrgent ? 'urgently' : 'yes';
  entry.listener.wanted(isUrgent);
}

/** Too many wait for the same part already. */
export class TurnRefused extends Error {}

/** A turn that this process has. Must be ended. */
export class Turn {
  readonly #takeover = new AbortController();
  #release = () => {};
  #movedAt = performance.now();
  #watch: NodeJS.Timeout | undefined;

  private constructor() {}

  /** Waits for it. @throws TurnRefused */
  static async take(order: TurnOrder, request: TurnRequest): Promise<Turn> {
    const turn = new Turn();
    await new Promise<void>((granted, reject) => {
      const wanted = (isUrgent: boolean) => turn.#onWanted(isUrgent);
      const refused = () => reject(new TurnRefused());
      turn.#release = order.request(request, { granted, refused, wanted });
    });
    turn.moved();
    return turn;
  }

  /** Aborts when another is to have the turn: then it has to be ended soon. */
  get signal(): AbortSignal {
    return this.#takeover.signal;
  }

  /** Call whenever bytes arrive: while they do, no other request takes over. */
  moved(): void {
    this.#movedAt = performance.now();
  }

  end(): void {
    clearInterval(this.#watch);
    this.#release();
  }

  #onWanted(isUrgent: boolean): void {
    if (isUrgent) this.#takeover.abort();
    else this.#watch ??= setInterval(() => this.#giveWay(), STALL_CHECK_MS).unref();
  }

  #giveWay(): void {
    if (performance.now() - this.#movedAt > STALL_MS) this.#takeover.abort();
  }
}
