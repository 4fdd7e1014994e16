import type { FastifyBaseLogger } from 'fastify';
import type { Actor } from '../../database/attribution.ts';
import { type AuditDetails, recordRefusal } from '../../database/queries/audit.ts';
import type { ProblemCode } from '../../protocol/problem.ts';
import { type RecordServices, RecordWriter } from './record-writer.ts';

/** How long refusals of one kind are counted, after the first, until their number is recorded, in milliseconds. */
const WINDOW_MS = 10 * 60_000;
/** Kinds that are counted apart. Further ones are counted together. */
const MAX_KINDS = 1000;

export interface Refusal {
  readonly action: 'upload.refused' | 'request.refused';
  readonly actor: Actor;
  readonly appId: string;
  readonly code: ProblemCode;
  readonly details: AuditDetails;
}

interface Window {
  readonly endsAt: number;
  /** Refusals since the one that was recorded. */
  count: number;
  last: Refusal;
}

/**
 * Records what holders of valid tokens were refused. Only the first refusal of a kind has an entry of its own: more of
 * the same token, app and code are counted, and their number is recorded after some time. So a token cannot flood the log.
 */
export class RefusalLog {
  readonly #services: RecordServices;
  readonly #writer: RecordWriter;
  readonly #windows = new Map<string, Window>();
  #timer: NodeJS.Timeout | undefined;

  constructor(services: RecordServices, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#writer = new RecordWriter(services, logger);
  }

  start(): void {
    this.#timer = setInterval(() => this.#endWindows(), WINDOW_MS / 10).unref();
  }

  /** Does not wait until it is recorded. */
  note(refusal: Refusal): void {
    const { action, actor, appId, code } = refusal;
    const name = [action, actor.kind, actor.id, appId, code].join(' ');
    const kind = this.#windows.has(name) || this.#windows.size < MAX_KINDS ? name : 'others';
    const window = this.#windows.get(kind);
    const now = this.#services.clock().getTime();
    if (window !== undefined) {
      window.count += 1;
      window.last = refusal;
      return;
    }
    this.#windows.set(kind, { endsAt: now + WINDOW_MS, count: 0, last: refusal });
    this.#record(refusal);
  }

  /** Resolves when all is written, or the database does not answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const { count, last } of this.#windows.values()) if (count > 0) this.#record(last, count);
    this.#windows.clear();
    await this.#writer.finish();
  }

  #endWindows(): void {
    const now = this.#services.clock().getTime();
    for (const [kind, { endsAt, count, last }] of this.#windows) {
      if (endsAt > now) continue;
      this.#windows.delete(kind);
      if (count > 0) this.#record(last, count);
    }
  }

  /** @param count of refusals that it stands for; by default it is one */
  #record({ action, actor, appId, code, details }: Refusal, count?: number): void {
    const { clock } = this.#services;
    const all = { code, ...details, ...(count !== undefined && { times: count }) };
    void this.#writer.write(
      (queries) => recordRefusal(queries, { action, appId, details: all, by: { actor, now: clock() } }),
      'a refusal could not be recorded in the audit log',
    );
  }
}
