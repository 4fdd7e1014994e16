import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DatabaseFault } from '../../database/database.ts';
import { messageOf } from '../../runtime/error-details.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { lifecycleOf } from '../lifecycle.ts';
import type { Services } from '../services.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked by a machine every few seconds: not logged. */
    isHealthCheck?: true;
  }
}

/** How long an answer of the storage counts, in milliseconds. */
const STORAGE_CHECK_MS = 5000;
/** How long another is waited for, in milliseconds; if it takes longer, the last one counts. */
const STORAGE_WAIT_MS = 500;

const config = { access: 'public', isHealthCheck: true } as const;

/** Why a server is not ready. */
const REASONS = {
  draining: 'The server is stopping.',
  database_unreachable: 'The database does not answer.',
  database_read_only: 'The database cannot be written to: it is a standby, or set to be read-only.',
  database_not_current: 'The database server is no longer the primary.',
  storage_unusable:
    "The storage of the artifacts could not be used when it was last asked; the server's log says why.",
  storage_not_owned:
    "The files in the storage are not known to be this database's, so only requests that read are answered; the server's log says why.",
} as const;

type Reason = keyof typeof REASONS;

export const HEALTH_PATHS = ['/livez', '/readyz'] as const;

/**
 * What process managers and load balancers ask: `/livez`, whether the process answers, and `/readyz`, whether it should
 * get requests. Outside the API, so that a proxy does not make them public.
 */
export function registerHealth(app: FastifyInstance, { database, storage, ownership }: Services): void {
  const lifecycle = lifecycleOf(app);
  const storageCheck = new StorageCheck(storage, app.log);
  const method = ['GET', 'HEAD'];
  app.route({ method, url: '/livez', config, handler: async () => ({ status: 'alive' }) });
  app.route({ method, url: '/readyz', config, handler: answerReadiness });

  async function answerReadiness(_request: FastifyRequest, reply: FastifyReply) {
    lifecycle.readinessAsked();
    const fault = databaseReason(database.fault());
    const reasons: Reason[] = [
      ...(lifecycle.isDraining ? (['draining'] as const) : []),
      ...(fault === undefined ? [] : [fault]),
      ...((await storageCheck.isUsable()) ? [] : (['storage_unusable'] as const)),
      ...(ownership?.problem ? (['storage_not_owned'] as const) : []),
    ];
    const isReady = reasons.length === 0;
    reply.code(isReady ? 200 : 503);
    return {
      status: isReady ? 'ready' : 'not_ready',
      reasons: reasons.map((code) => ({ code, detail: REASONS[code] })),
    };
  }
}

function databaseReason(fault: DatabaseFault | undefined): Reason | undefined {
  return fault && `database_${fault}`;
}

/** Asks the storage only while somebody wants to know, and for all of them at once. */
class StorageCheck {
  readonly #storage: ArtifactStorage;
  readonly #logger: FastifyBaseLogger;
  #isUsable = true;
  #askedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(storage: ArtifactStorage, logger: FastifyBaseLogger) {
    this.#storage = storage;
    this.#logger = logger;
  }

  async isUsable(): Promise<boolean> {
    if (performance.now() - this.#askedAt > STORAGE_CHECK_MS) {
      this.#running ??= this.#ask();
      await Promise.race([this.#running, sleep(STORAGE_WAIT_MS, undefined, { ref: false })]);
    }
    return this.#isUsable;
  }

  async #ask(): Promise<void> {
    try {
      await this.#storage.check();
      if (!this.#isUsable) this.#logger.info('the storage can be used again');
      this.#isUsable = true;
    } catch (error) {
      if (this.#isUsable) this.#logger.error({ reason: messageOf(error) }, 'the storage cannot be used');
      this.#isUsable = false;
    }
    this.#askedAt = performance.now();
    this.#running = undefined;
  }
}
