import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../protocol/problem.ts';
import { type AddressReader, clientNetwork } from '../http/client-address.ts';
import { FairSemaphore, type Refusal } from './fair-semaphore.ts';
import type { Permits, ServerLimits } from './server-limits.ts';

/** How long a request waits for its turn, in milliseconds. */
const WAIT_MS = 10_000;
const RETRY_AFTER_SECONDS = 5;
const WARN_EVERY_MS = 10_000;

type RequestKind = 'downloads' | 'reads' | 'writes' | 'completions';

/** Limits how many requests of each kind are handled at once, in all and for each token or client. */
export class RequestLimits {
  readonly #kinds: Readonly<Record<RequestKind, Turns>>;
  readonly #addressOf: AddressReader;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor({ downloads, reads, writes, completions }: ServerLimits, addressOf: AddressReader) {
    this.#kinds = {
      downloads: new Turns(downloads),
      reads: new Turns(reads),
      writes: new Turns(writes),
      completions: new Turns(completions),
    };
    this.#addressOf = addressOf;
  }

  /**
   * Waits for the request's turn, which ends with its response. Call once its token is known.
   * @throws Problem `too_many_requests`, `unavailable`
   */
  async enter(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const kind = kindOf(request);
    if (kind === undefined) return;
    const client = clientNetwork(this.#addressOf(request.raw));
    try {
      await this.#kinds[kind].take(request.token?.id ?? client, reply);
    } catch (error) {
      if (kind === 'downloads') this.#warn(request.log, client);
      throw error;
    }
  }

  /** Of something that behind a proxy may concern all clients. */
  #warn(logger: FastifyBaseLogger, client: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = now;
    logger.warn(
      { client },
      'downloads are refused: there are too many, in all or of one client; if it is a proxy, name it with --trust-proxy',
    );
  }
}

export class Turns {
  readonly #semaphore: FairSemaphore;

  constructor(permits: Permits) {
    this.#semaphore = new FairSemaphore(permits);
  }

  /**
   * Waits for a turn, which ends with the response, also where that is never sent.
   * @throws Problem `too_many_requests`, `unavailable`
   */
  async take(holder: string, reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    let end = () => gone.abort();
    reply.raw.once('finish', () => end()).once('close', () => end());
    const giveUp = () => AbortSignal.any([gone.signal, AbortSignal.timeout(WAIT_MS)]);
    const taken = await this.#semaphore.acquire(holder, giveUp);
    if (typeof taken === 'string') throw refused(taken, reply);
    end = once(taken);
    if (gone.signal.aborted) end();
  }
}

function refused(refusal: Refusal, reply: FastifyReply): Problem {
  reply.header('retry-after', RETRY_AFTER_SECONDS);
  return refusal === 'holder_has_all_its_permits'
    ? new Problem('too_many_requests', 'Too many of these requests at once. Try again later.')
    : new Problem('unavailable', 'The server has too much to do. Try again later.');
}

/** Update checks and what else is public are not limited: a connection has one of them at a time. */
function kindOf({ method, routeOptions }: FastifyRequest): RequestKind | undefined {
  const { access, route } = routeOptions.config;
  const reads = method === 'GET' || method === 'HEAD';
  if (access === undefined || method === 'OPTIONS') return undefined;
  if (access === 'signed-url') return reads ? 'downloads' : undefined; // uploads are limited by app, by their handler
  if (route === undefined || (access === 'public' && reads)) return undefined;
  if (route === 'completeUpload') return 'completions';
  return reads ? 'reads' : 'writes';
}

function once(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (isCalled) return;
    isCalled = true;
    call();
  };
}
