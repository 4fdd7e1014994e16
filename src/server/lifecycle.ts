import type { FastifyInstance } from 'fastify';

/** How recently a load balancer has asked whether this server is ready, in milliseconds, to ask again soon. */
const ASKED_RECENTLY_MS = 30_000;

/** Whether a server is about to end, and whether something waits to know. */
export class Lifecycle {
  #isDraining = false;
  #askedAt = Number.NEGATIVE_INFINITY;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Whether a load balancer goes by `/readyz`. */
  get isWatched(): boolean {
    return performance.now() - this.#askedAt < ASKED_RECENTLY_MS;
  }

  readinessAsked(): void {
    this.#askedAt = performance.now();
  }

  startDraining(): void {
    this.#isDraining = true;
  }
}

const lifecycles = new WeakMap<FastifyInstance, Lifecycle>();

export function lifecycleOf(app: FastifyInstance): Lifecycle {
  const lifecycle = lifecycles.get(app) ?? new Lifecycle();
  lifecycles.set(app, lifecycle);
  return lifecycle;
}
