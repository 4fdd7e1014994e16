import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { UpdateResponse } from '../../protocol/messages.ts';
import { API_ROOT, routes } from '../../protocol/routes.ts';
import { matches } from '../../protocol/validate.ts';
import { LOWEST_VERSION } from '../../protocol/version.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import type { ChosenFault } from './fault-name.ts';
import { spoilSignature } from './spoil-signature.ts';

/** Bytes that a slow download gets at once, and how often, in milliseconds. */
const SLOW_PIECE = 16 * 1024;
const SLOW_INTERVAL_MS = 250;

const HTML =
  '<!doctype html>\n<html><head><title>Welcome</title></head><body>Accept our terms.</body></html>\n';
const json = (status: number, detail: string) => ({
  status,
  type: 'application/problem+json',
  body: JSON.stringify({ type: 'about:blank', status, detail }),
});

/** Requests that faults are about. */
type Asked = 'check' | 'download' | undefined;

export interface FaultyFrontOptions {
  readonly fault: ChosenFault;
  readonly port: number;
  /** Gets a line for what went wrong on purpose. */
  readonly onFault: (line: string) => void;
}

/**
 * A reverse proxy on loopback in front of the server of `dev`, which spoils what apps get, once it is activated: the update is
 * published through it before.
 */
export class FaultyFront {
  readonly #options: FaultyFrontOptions;
  readonly #server: http.Server;
  #target: URL | undefined;
  #isActive = false;

  private constructor(options: FaultyFrontOptions) {
    this.#options = options;
    this.#server = http.createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** Rejects with Node's error where it cannot listen there. */
  static async start(options: FaultyFrontOptions): Promise<FaultyFront> {
    const front = new FaultyFront(options);
    await new Promise<void>((resolve, reject) => {
      front.#server.once('error', reject).listen(options.port, '127.0.0.1', resolve);
    });
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param target the server's base URL */
  connect(target: string): void {
    this.#target = new URL(target);
  }

  /** From now on things go wrong. */
  activate(): void {
    this.#isActive = true;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { fault, onFault } = this.#options;
    const asked = this.#isActive ? askedOf(request) : undefined;
    const instead = insteadOf(asked, fault);
    if (instead !== undefined) {
      onFault(`${asked}: answered with ${instead.status}, ${fault.name} on purpose`);
      request.resume();
      response.writeHead(instead.status, { 'content-type': instead.type }).end(instead.body);
      return;
    }
    const path = asked === 'check' && fault.name === 'loop' ? asLowest(request.url ?? '') : request.url;
    const passed = await this.#pass(request, path ?? '');
    if (asked === 'check' && fault.name === 'wrong-signature') return spoilUpdate(passed, response);
    const isFile = asked === 'download' && passed.statusCode !== undefined && passed.statusCode < 300;
    if (isFile && ['slow', 'cut', 'truncated'].includes(fault.name)) {
      onFault(`download: ${fault.name} on purpose`);
      return spoilDownload(passed, response, fault);
    }
    response.writeHead(passed.statusCode ?? 502, passed.headers);
    passed.pipe(response);
    passed.on('error', () => response.destroy());
  }

  #pass(request: IncomingMessage, path: string): Promise<IncomingMessage> {
    const { method, headers } = request;
    const target = this.#target ?? new URL(this.url);
    return new Promise((resolve, reject) => {
      const passed = http.request(new URL(path, target), { method, headers }, resolve);
      passed.on('error', reject);
      request.on('close', () => request.complete || passed.destroy());
      request.pipe(passed);
    });
  }
}

const toPattern = (path: string) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/?]+')}(?:\\?|$)`);
const CHECK = toPattern(routes.check.path);
const FILE = toPattern(routes.storedFile.path);

function askedOf({ method, url = '' }: IncomingMessage): Asked {
  if (method !== 'GET') return undefined;
  if (FILE.test(url)) return 'download';
  return CHECK.test(url) && !url.startsWith(`${API_ROOT}/apps/`) ? 'check' : undefined;
}

/** What a request is answered with in place of the server's answer. */
function insteadOf(asked: Asked, { name }: ChosenFault) {
  if (asked === 'download' && name === 'expired') return json(403, 'The signed URL has expired.');
  if (asked === 'check' && name === '500') return json(500, 'Something went wrong.');
  if (asked === 'check' && name === 'html') return { status: 200, type: 'text/html', body: HTML };
  return undefined;
}

/** The same question by the lowest version, which is offered any update. */
function asLowest(url: string): string {
  const [path = '', query] = url.split('?');
  const lowest = path.replace(/(?<![^/])[^/]+$/, LOWEST_VERSION);
  return query === undefined ? lowest : `${lowest}?${query}`;
}

async function spoilUpdate(passed: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of passed) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const update: unknown = text === '' ? undefined : parseBoundedJson(text);
  const { 'content-length': _, ...headers } = passed.headers;
  const body = matches(UpdateResponse, update) ? JSON.stringify(withSpoiltSignatures(update)) : text;
  response.writeHead(passed.statusCode ?? 502, headers).end(body);
}

function withSpoiltSignatures(update: UpdateResponse): UpdateResponse {
  const { signature, platforms } = update;
  const spoilt = { ...update, signature: spoilSignature(signature) };
  if (platforms === undefined) return spoilt;
  const files = Object.entries(platforms).map(([name, file]) => [
    name,
    { ...file, signature: spoilSignature(file.signature) },
  ]);
  return { ...spoilt, platforms: Object.fromEntries(files) };
}

async function spoilDownload(
  passed: IncomingMessage,
  response: ServerResponse,
  { name, percent }: ChosenFault,
): Promise<void> {
  const size = Number(passed.headers['content-length']);
  const end = name === 'slow' ? size : Math.floor((size * percent) / 100);
  const { 'repr-digest': _, etag, ...headers } = passed.headers;
  const kept = name === 'truncated' ? { ...headers, 'content-length': String(end) } : passed.headers;
  response.writeHead(passed.statusCode ?? 502, kept);
  let sent = 0;
  for await (const chunk of passed as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length && sent < end; ) {
      const piece = chunk.subarray(at, Math.min(chunk.length, at + SLOW_PIECE, at + end - sent));
      if (!response.write(piece))
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
      at += piece.length;
      sent += piece.length;
      if (response.destroyed) return;
      if (name === 'slow') await sleep(SLOW_INTERVAL_MS);
    }
    if (sent >= end) break;
  }
  if (name !== 'cut') response.end();
  else response.write('', () => setImmediate(() => response.destroy()));
}
