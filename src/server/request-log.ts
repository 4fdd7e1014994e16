import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { TOKEN_PREFIX } from '../protocol/token.ts';
import { plainAddress } from './http/client-address.ts';

const MAX_PATH_LENGTH = 200;
/** How often percent-encoding is undone to find a token in a path. */
const MAX_DECODED = 3;
/** What is not written to a log: a token of this server, or a JSON Web Token. */
const SECRET = new RegExp(`${TOKEN_PREFIX}[0-9A-Za-z]{4,}|eyJ[\\w-]+\\.[\\w-]+(?:\\.[\\w-]*)?`, 'g');

/** Lines for refused requests that are written at once. */
const BURST = 20;
const LINES_PER_SECOND = 2;
const SUMMARY_EVERY_MS = 10_000;

/** One line for each request; of refused ones without a valid token, which cost their sender nothing, only some. */
export class RequestLog {
  readonly #budget = new LineBudget();
  #unlogged = 0;
  #summary: NodeJS.Timeout | undefined;

  log(request: FastifyRequest, reply: FastifyReply, address: string | undefined): void {
    const { method, url, log, routeOptions, token } = request;
    if (routeOptions.config.isHealthCheck) return;
    const isAnonymousRefusal = reply.statusCode >= 400 && token === undefined;
    const isCheck = routeOptions.config.access === 'public' && method !== 'POST';
    const level = isCheck ? 'debug' : 'info'; // installed apps check all day
    if (isAnonymousRefusal && level === 'info' && !this.#budget.take()) {
      this.#count(log);
      return;
    }
    const line = {
      method,
      path: loggedPath(url),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      ip: plainAddress(address),
      ...(token !== undefined && { token: token.id }),
    };
    log[level](line, 'request');
  }

  #count(logger: FastifyBaseLogger): void {
    this.#unlogged += 1;
    this.#summary ??= setTimeout(() => {
      logger.info(
        { requests: this.#unlogged },
        'requests without a valid token were refused, too many to log each',
      );
      this.#unlogged = 0;
      this.#summary = undefined;
    }, SUMMARY_EVERY_MS).unref();
  }
}

class LineBudget {
  #left = BURST;
  #countedAt = performance.now();

  take(): boolean {
    const now = performance.now();
    this.#left = Math.min(BURST, this.#left + ((now - this.#countedAt) / 1000) * LINES_PER_SECOND);
    this.#countedAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

/** A request's path as it is logged: without the query, which may hold a signature, without tokens, and not too long. */
export function loggedPath(url: string): string {
  const [path = ''] = url.slice(0, 4 * MAX_PATH_LENGTH).split('?', 1);
  const shown = withoutSecrets(path).replace(/[^\x20-\x7e]/g, '?');
  return shown.length > MAX_PATH_LENGTH ? `${shown.slice(0, MAX_PATH_LENGTH)}…` : shown;
}

/** Decoded, if it is only then that a token shows. */
function withoutSecrets(path: string): string {
  let decoded = path;
  for (let i = 0; i <= MAX_DECODED; i++) {
    const masked = decoded.replace(SECRET, '***');
    if (masked !== decoded) return masked;
    const next = decodeLeniently(decoded);
    if (next === decoded) break;
    decoded = next;
  }
  return path;
}

/** What is not encoded correctly stays. */
function decodeLeniently(text: string): string {
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
