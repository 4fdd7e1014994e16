import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Semaphore } from '../uploads/semaphore.ts';

/** Up to this length a list is sent as a whole, with its `Content-Length`. */
const SMALL = 64 * 1024;

/** One for all lists of this process. */
const turns = new Semaphore(1);
const ALWAYS = new AbortController().signal;

/**
 * Waits until no other list is being read, and lets other requests be answered before the next one goes on: many long
 * lists at once delay each other, and nothing else.
 */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const release = await turns.acquire(ALWAYS);
  try {
    return await work();
  } finally {
    setImmediate(() => release?.());
  }
}

/** The elements of a list in JSON, as the text of it. */
export async function* jsonList(pages: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  let separator = '';
  yield '[';
  for await (const elements of pages) {
    if (elements.length === 0) continue;
    yield separator + elements.join(',');
    separator = ',';
  }
  yield ']';
}

/** Sends JSON as it is read. */
export async function sendJson(reply: FastifyReply, pieces: AsyncGenerator<string>): Promise<unknown> {
  return sendPieces(reply.type('application/json; charset=utf-8'), pieces);
}

/** Sends text as it is read, no faster than it is received. What fails at first fails with a status. */
export async function sendPieces(reply: FastifyReply, pieces: AsyncGenerator<string>): Promise<unknown> {
  let start = '';
  while (start.length <= SMALL) {
    const next = await pieces.next();
    if (next.done) return reply.send(start);
    start += next.value;
  }
  return reply.send(Readable.from(after(start, pieces), { highWaterMark: 1 }));
}

async function* after(start: string, pieces: AsyncGenerator<string>): AsyncGenerator<string> {
  yield start;
  yield* pieces;
}
