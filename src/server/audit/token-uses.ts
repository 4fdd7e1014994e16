import type { FastifyBaseLogger } from 'fastify';
import { recordTokenUses } from '../../database/queries/tokens.ts';
import type { Queries } from '../../database/schema.ts';
import { type RecordServices, RecordWriter } from './record-writer.ts';

/** How exactly the last use of a token is known, in milliseconds. */
const PRECISION_MS = 60_000;
/** How long uses wait to be written together, in milliseconds. */
const WRITE_INTERVAL_MS = 5000;

/** Records when tokens were used last: some seconds after the requests, which do not wait for it. */
export class TokenUses {
  readonly #services: RecordServices;
  readonly #writer: RecordWriter;
  /** Uses of the last minute, by token. */
  readonly #known = new Map<string, number>();
  readonly #unwritten = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(services: RecordServices, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#writer = new RecordWriter(services, logger);
  }

  start(): void {
    this.#timer = setInterval(() => void this.write(), WRITE_INTERVAL_MS).unref();
  }

  used(tokenId: string): void {
    const now = this.#services.clock().getTime();
    if (now - (this.#known.get(tokenId) ?? Number.NEGATIVE_INFINITY) < PRECISION_MS) return;
    this.#known.set(tokenId, now);
    this.#unwritten.set(tokenId, now);
  }

  async write(): Promise<void> {
    const uses = [...this.#unwritten].map(([tokenId, usedAt]) => ({ tokenId, usedAt }));
    this.#unwritten.clear();
    if (uses.length > 0) {
      const record = (queries: Queries) => recordTokenUses(queries, uses);
      await this.#writer.write(record, 'the last uses of tokens could not be recorded');
    }
    const now = this.#services.clock().getTime();
    for (const [tokenId, usedAt] of this.#known)
      if (now - usedAt >= PRECISION_MS) this.#known.delete(tokenId);
  }

  /** Resolves when it is written, or the database does not answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    void this.write();
    await this.#writer.finish();
  }
}
