import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { SERVER } from '../../database/attribution.ts';
import type { Database } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import {
  failPending,
  type LeasedDelivery,
  nextDue,
  pruneDeliveries,
  recordAttempt,
  returnDelivery,
  takeDueDeliveries,
} from '../../database/queries/webhook-deliveries.ts';
import { disableWebhook, findWebhook, type Webhook } from '../../database/queries/webhooks.ts';
import type { Clock } from '../../protocol/time.ts';
import type { WebhookMessage } from '../../protocol/webhook/webhook-message.ts';
import { ServerCounters } from '../metrics/server-counters.ts';
import type { PostResult } from './post-message.ts';
import { waitAfter } from './retry-times.ts';
import { problemOf, sendMessage } from './send-message.ts';

const TICK_MS = 500;
/** How often the store is asked for messages without a sign that there are any, in milliseconds. */
const ASK_MS = 10_000;
/** Longer than a try takes. */
const LEASE_MS = 60_000;
const AT_ONCE = 20;
/** A webhook that is slow does not hold up others. */
const AT_ONCE_EACH = 2;
/** A webhook is disabled when a message was given up and nothing has reached it for so long, in milliseconds. */
const DISABLE_AFTER_MS = 5 * 24 * 60 * 60 * 1000;
/** How long a server that stops waits for what it is sending, in milliseconds. */
const STOP_MS = 3000;

export interface SenderServices {
  readonly database: Pick<Database, 'queries' | 'changeCounter'>;
  readonly clock: Clock;
  readonly publicUrl: () => string;
  readonly version: string;
  /** Whether there is a page that messages can lead to. */
  readonly web?: boolean | undefined;
  readonly counters?: ServerCounters | undefined;
  /** How long a response is waited for, in milliseconds. Default: 15 s. */
  readonly webhookTimeoutMs?: number | undefined;
}

/**
 * Sends webhooks what the store has for them: each message by one node, at least once. One that a webhook does not take is
 * tried again later, for about a day.
 */
export class WebhookSender {
  readonly #counts: ServerCounters['webhooks'];
  readonly #services: SenderServices;
  readonly #logger: FastifyBaseLogger;
  readonly #stopping = new AbortController();
  readonly #sending = new Map<Promise<void>, string>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #seen: number | undefined;
  /** When to ask the store next, by `performance.now()`. */
  #askAt = 0;
  #isFailing = false;

  constructor(services: SenderServices, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#counts = (services.counters ?? new ServerCounters()).webhooks;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** Resolves when what is being sent has ended, or was given back. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
    const sent = Promise.allSettled(this.#sending.keys());
    await Promise.race([sent, sleep(STOP_MS, undefined, { ref: false })]);
    this.#stopping.abort();
    await sent;
  }

  #tick(): void {
    if (this.#round !== undefined) return;
    if (performance.now() < this.#askAt && !this.#hasChanged()) return;
    this.#round = this.#sendDue().finally(() => {
      this.#round = undefined;
    });
  }

  /** Whether any app has changed since it was asked last, which costs nothing to know. */
  #hasChanged(): boolean {
    try {
      return this.#services.database.changeCounter() !== this.#seen;
    } catch {
      return false; // the database is away
    }
  }

  async #sendDue(): Promise<void> {
    const { database, clock } = this.#services;
    try {
      this.#seen = database.changeCounter();
      this.#askAt = performance.now() + ASK_MS;
      const now = clock();
      const until = new Date(now.getTime() + LEASE_MS);
      const taken = await takeDueDeliveries(database.queries, {
        now,
        until,
        limitOf: (id) => this.#roomFor(id),
      });
      for (const delivery of taken) this.#begin(delivery);
      const next = await nextDue(database.queries);
      // Those of other nodes are asked for again when their leases would end.
      if (next !== undefined) this.#askIn(taken.length > 0 ? 0 : Math.max(TICK_MS, next - now.getTime()));
      this.#isFailing = false;
    } catch (error) {
      const err = databaseFailure(error) ?? error;
      if (!this.#isFailing) this.#logger.warn({ err }, 'webhooks cannot be sent yet');
      this.#isFailing = true;
    }
  }

  #roomFor(webhookId: string): number {
    const ofThis = [...this.#sending.values()].filter((id) => id === webhookId).length;
    return Math.min(AT_ONCE_EACH - ofThis, AT_ONCE - this.#sending.size);
  }

  #askIn(milliseconds: number): void {
    this.#askAt = Math.min(this.#askAt, performance.now() + milliseconds);
  }

  #begin(delivery: LeasedDelivery): void {
    const sent = this.#send(delivery)
      .catch((err: unknown) => {
        this.#logger.warn(
          { err, webhook: delivery.webhookId },
          'what became of a webhook could not be recorded',
        );
      })
      .finally(() => {
        this.#sending.delete(sent);
        this.#askIn(0); // there is room for another
      });
    this.#sending.set(sent, delivery.webhookId);
  }

  async #send(delivery: LeasedDelivery): Promise<void> {
    const { database, clock, version, webhookTimeoutMs: timeoutMs } = this.#services;
    const hook = await findWebhook(database.queries, delivery.webhookId);
    if (hook === undefined) return; // its deliveries are gone, too
    if (hook.disabledAt !== null) return failPending(database.queries, hook.id, clock());
    const message = this.#withUrl(delivery.message);
    const { signal } = this.#stopping;
    const result = await sendMessage(hook, message, { now: clock(), version, signal, timeoutMs });
    if (result.kind === 'aborted') return returnDelivery(database.queries, delivery);
    const problem = problemOf(result);
    if (problem === undefined) await this.#delivered(delivery, result);
    else await this.#failed({ delivery, hook, problem }, result);
    await pruneDeliveries(database.queries, hook.id);
  }

  async #delivered(delivery: LeasedDelivery, result: PostResult): Promise<void> {
    const { database, clock } = this.#services;
    this.#counts.delivered += 1;
    const attempt = { now: clock(), status: statusOf(result), error: null, nextAt: null };
    await recordAttempt(database.queries, delivery, attempt);
  }

  async #failed({ delivery, hook, problem }: FailedTry, result: PostResult): Promise<void> {
    const { database, clock } = this.#services;
    const now = clock();
    const status = statusOf(result);
    const isGone = status === 410;
    const retryAfter = result.kind === 'answered' ? result.retryAfterMs : undefined;
    const wait = isGone ? undefined : waitAfter(delivery.attempts + 1, retryAfter);
    const nextAt = wait === undefined ? null : new Date(now.getTime() + wait);
    this.#counts[nextAt === null ? 'failed' : 'retried'] += 1;
    const reason = problem.slice(0, 500);
    await recordAttempt(database.queries, delivery, { now, status, error: reason, nextAt });
    const fields = { webhook: hook.id, host: new URL(hook.url).host, message: delivery.id, reason };
    if (nextAt !== null) {
      this.#logger.info({ ...fields, nextAt }, 'a webhook did not take a message; trying again later');
      return;
    }
    this.#logger.warn(fields, 'a webhook did not take a message, which was given up');
    const isOld = hook.failingSince !== null && now.getTime() - hook.failingSince > DISABLE_AFTER_MS;
    if (isGone || isOld)
      await this.#disable(hook, isGone ? 'it answered 410 (Gone)' : 'nothing reached it for 5 days');
  }

  async #disable({ id, url }: Webhook, reason: string): Promise<void> {
    const { database, clock } = this.#services;
    const by = { actor: SERVER, now: clock() };
    if (!(await disableWebhook(database.queries, { id, reason }, by))) return;
    const message = `a webhook was disabled: ${reason}; \`synckit-ota webhooks enable\` enables it again`;
    this.#logger.error({ webhook: id, host: new URL(url).host }, message);
  }

  #withUrl(message: WebhookMessage): WebhookMessage {
    const { app, release } = message.data;
    const { web, publicUrl } = this.#services;
    if (!web || app === undefined) return message;
    const path = release === undefined ? '' : `/${encodeURIComponent(release.id)}`;
    const url = `${publicUrl()}/admin/#/${encodeURIComponent(app.id)}/releases${path}`;
    return { ...message, data: { ...message.data, url } };
  }
}

interface FailedTry {
  readonly delivery: LeasedDelivery;
  readonly hook: Webhook;
  readonly problem: string;
}

function statusOf(result: PostResult): number | null {
  return result.kind === 'answered' ? result.status : null;
}
