import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { queueTrouble, troubleId } from '../../database/queries/webhook-outbox.ts';
import { listWebhooks, type Webhook } from '../../database/queries/webhooks.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { Trouble, TroubleKind, WebhookMessage } from '../../protocol/webhook/webhook-message.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { withTimeout } from '../../runtime/with-timeout.ts';
import { onFullDisk, type Services } from '../services.ts';
import { problemOf, sendMessage } from './send-message.ts';

const TICK_MS = 15_000;
/** How often in a row something is found before it is reported, so that an election or a restart is not. */
const TIMES = 2;
/** How long the database and the storage are waited for, in milliseconds. */
const PATIENCE_MS = 10_000;
const STOP_MS = 1000;

export type WatchedServices = Pick<
  Services,
  'database' | 'storage' | 'ownership' | 'room' | 'clock' | 'version' | 'webhookTimeoutMs'
>;

interface Watched {
  /** What is wrong now, for people; undefined for nothing. */
  readonly find: () => Promise<string | undefined>;
  readonly detail: { readonly ended: string };
  /** Whether it was reported, and how often in a row it was found to be otherwise. */
  isReported: boolean;
  times: number;
}

/**
 * Reports to webhooks when the store cannot be relied on, and when it can again. While the database cannot take messages, each
 * node sends them by itself, to the webhooks that it knew before.
 */
export class StoreWatch {
  readonly #services: WatchedServices;
  readonly #logger: FastifyBaseLogger;
  readonly #watched: ReadonlyMap<TroubleKind, Watched>;
  readonly #stopping = new AbortController();
  /** Those that want to know of the store, as last read. */
  #hooks: readonly Webhook[] = [];
  /** Why they could not be read just now. */
  #unread: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(services: WatchedServices, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#logger = logger;
    const watch = (find: Watched['find'], ended: string): Watched => ({
      ...{ find, detail: { ended }, isReported: false, times: 0 },
    });
    this.#watched = new Map<TroubleKind, Watched>([
      ['database_unavailable', watch(async () => this.#findDatabase(), 'the database can be used again')],
      ['storage_unavailable', watch(() => this.#findStorage(), 'the storage can be used again')],
      [
        'files_not_owned',
        watch(async () => services.ownership?.problem?.message, 'the files are this database’s'),
      ],
      ['disk_full', watch(async () => this.#findFullDisk(), 'the disk has space again')],
    ]);
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#round ??= this.look().finally(() => {
        this.#round = undefined;
      });
    }, TICK_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await Promise.race([this.#round, sleep(STOP_MS, undefined, { ref: false })]);
  }

  /** One round. Nothing is asked while no webhook wants to know. */
  async look(): Promise<void> {
    await this.#readHooks();
    if (this.#hooks.length === 0) return;
    for (const [kind, watched] of this.#watched) {
      const problem = await watched.find();
      const isOther = (problem !== undefined) !== watched.isReported;
      watched.times = isOther ? watched.times + 1 : 0;
      if (watched.times < TIMES) continue;
      Object.assign(watched, { isReported: !watched.isReported, times: 0 });
      const state = problem === undefined ? 'ended' : 'began';
      await this.#report({ kind, state, detail: problem ?? watched.detail.ended });
    }
  }

  async #readHooks(): Promise<void> {
    try {
      const { queries } = this.#services.database;
      const all = await withTimeout(listWebhooks(queries), PATIENCE_MS);
      this.#unread = undefined;
      this.#hooks = all.filter(
        ({ appId, disabledAt, events }) =>
          appId === null && disabledAt === null && (events.length === 0 || events.includes('store.trouble')),
      );
    } catch (error) {
      this.#unread = messageOf(error); // those that are known stay
    }
  }

  #findDatabase(): string | undefined {
    const problem = this.#services.database.fault()?.replaceAll('_', ' ') ?? this.#unread;
    return problem === undefined ? undefined : `the database cannot be used: ${problem}`;
  }

  async #findStorage(): Promise<string | undefined> {
    try {
      await withTimeout(this.#services.storage.check(), PATIENCE_MS);
      return undefined;
    } catch (error) {
      return `the storage of the files cannot be used: ${messageOf(error)}`;
    }
  }

  #findFullDisk(): string | undefined {
    try {
      this.#services.room?.requireHeadroom();
      return undefined;
    } catch (error) {
      return `the disk is full: ${messageOf(error)}`;
    }
  }

  async #report(trouble: Trouble): Promise<void> {
    const isDatabaseAway = trouble.kind === 'database_unavailable' && trouble.state === 'began';
    if (!isDatabaseAway && (await this.#queue(trouble))) return;
    await Promise.all(this.#hooks.map((hook) => this.#send(hook, trouble)));
  }

  /** @returns whether the database has it, so that it is surely sent */
  async #queue(trouble: Trouble): Promise<boolean> {
    const { database, clock } = this.#services;
    const queue = () => queueTrouble(database.queries, trouble, clock());
    return withTimeout(onFullDisk(this.#services, queue), PATIENCE_MS).then(
      () => true,
      () => false,
    );
  }

  async #send(hook: Webhook, trouble: Trouble): Promise<void> {
    const { clock, version, webhookTimeoutMs: timeoutMs } = this.#services;
    const now = clock();
    const message: WebhookMessage = {
      ...{ version: 1, id: troubleId(hook.id, trouble, now), type: 'store.trouble' },
      ...{ timestamp: formatTimestamp(now.getTime()), data: { trouble } },
    };
    const { signal } = this.#stopping;
    const result = await sendMessage(hook, message, { now, version, signal, timeoutMs });
    const reason = result.kind === 'aborted' ? undefined : problemOf(result);
    if (reason !== undefined) {
      const fields = { webhook: hook.id, host: new URL(hook.url).host, reason };
      this.#logger.warn(fields, 'a webhook did not take a message about a trouble of the store');
    }
  }
}
