import { once } from 'node:events';
import http, {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Answer, Fault, ProxiedRequest } from './fault.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Parties {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: Mutable<ProxiedRequest>;
}

/** One request and its response, with at most one fault. */
export class Exchange {
  readonly #parties: Parties;
  readonly #fault: Fault | undefined;
  /** Nothing is left to do: the fault has handled it. */
  #over = false;

  constructor(parties: Parties, fault: Fault | undefined) {
    this.#parties = parties;
    this.#fault = fault;
  }

  async run(url: URL): Promise<void> {
    const { record, request } = this.#parties;
    if (this.#fault?.outcome === 'late') return this.#passOnLate(url, this.#fault);
    if (this.#fault?.at === 'before' && (await this.#strike())) return;
    const onward = this.#open(url);
    const answered = answerOf(onward);
    this.#passBody(onward).catch(() => onward.destroy()); // the client is gone, or the server wants no more
    const answer = await answered;
    if (answer === undefined) {
      if (!this.#over) request.socket.destroy(); // as the server did
      return;
    }
    record.answer = sizesOf(answer);
    if (this.#fault?.at === 'applied' && (await this.#strike(answer))) return;
    await this.#deliver(answer);
  }

  async #passOnLate(url: URL, { action }: Fault): Promise<void> {
    const { request, record } = this.#parties;
    const body = await buffer(request);
    record.struck = true;
    request.socket.resetAndDestroy();
    await action?.();
    const onward = this.#open(url);
    const answered = answerOf(onward);
    onward.end(body);
    const answer = await answered;
    if (answer !== undefined) record.answer = sizesOf(answer);
  }

  #open(url: URL): ClientRequest {
    const { method, headers } = this.#parties.request;
    return http.request(url, { method, headers, agent: false });
  }

  async #passBody(onward: ClientRequest): Promise<void> {
    const { request, record } = this.#parties;
    const at = this.#fault?.at;
    let stop = typeof at === 'object' && 'requestByte' in at ? at.requestByte : Number.POSITIVE_INFINITY;
    if (stop === 0) await sendHead(onward);
    const pass = async (bytes: Buffer) => {
      await new Promise<void>((resolve, reject) => {
        onward.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
      record.passedBytes += bytes.length;
    };
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const before = Math.min(chunk.length, stop - record.passedBytes);
      if (before > 0) await pass(chunk.subarray(0, before));
      if (record.passedBytes === stop) {
        stop = Number.POSITIVE_INFINITY;
        if (await this.#strike()) {
          onward.destroy();
          return;
        }
      }
      if (before < chunk.length) await pass(chunk.subarray(before));
    }
    onward.end();
  }

  /** Injects the fault. @returns whether the request is finished */
  async #strike(answer?: Answer): Promise<boolean> {
    const { request, response, record } = this.#parties;
    const { action, outcome } = this.#fault ?? {};
    record.struck = true;
    await action?.();
    if (outcome === undefined) return false;
    if (outcome === 'reset') request.socket.resetAndDestroy();
    else if (outcome === 'close') request.socket.destroy();
    else if (typeof outcome === 'object' && 'respond' in outcome) outcome.respond(response);
    else if (typeof outcome === 'object') this.#answer(outcome);
    else if (typeof outcome === 'function' && answer !== undefined) this.#answer(outcome(answer));
    this.#over = true;
    return true;
  }

  async #deliver(answer: Answer): Promise<void> {
    const at = this.#fault?.at;
    if (typeof at !== 'object' || !('answerByte' in at)) return this.#answer(answer);
    const { socket } = this.#parties.request;
    const { whole } = serialize(answer);
    await new Promise<unknown>((resolve) => {
      socket.once('close', resolve).write(whole.subarray(0, at.answerByte), resolve);
    });
    if (!(await this.#strike())) socket.end(whole.subarray(at.answerByte));
  }

  #answer(answer: Answer): void {
    const { request, response } = this.#parties;
    if (response.destroyed) return;
    if (!request.complete) response.shouldKeepAlive = false;
    const isHead = request.method === 'HEAD'; // its response has the length of a body that is not sent
    response.writeHead(answer.status, isHead ? answer.headers : headersOf(answer)).end(answer.body);
  }
}

/** The response's head and body as they are sent when they are cut. */
function serialize(answer: Answer): { head: Buffer; whole: Buffer } {
  const headers = Object.entries(headersOf(answer)).flatMap(([name, value]) =>
    [value ?? []].flat().map((single) => `${name}: ${single}`),
  );
  const lines = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`, ...headers, '', ''];
  const head = Buffer.from(lines.join('\r\n'), 'latin1');
  return { head, whole: Buffer.concat([head, answer.body]) };
}

function sizesOf(answer: Answer) {
  const { head, whole } = serialize(answer);
  return { status: answer.status, headSize: head.length, size: whole.length };
}

function headersOf({ status, headers, body }: Answer): IncomingHttpHeaders {
  const { connection, 'keep-alive': _, 'transfer-encoding': __, ...endToEnd } = headers;
  return status === 204 ? endToEnd : { ...endToEnd, 'content-length': String(body.length) };
}

/** Resolves once only the head was sent. */
async function sendHead(onward: ClientRequest): Promise<void> {
  onward.flushHeaders();
  const [socket] = (await once(onward, 'socket')) as [Socket];
  await once(socket, 'connect');
  await new Promise<unknown>((resolve) => socket.write('', resolve));
}

/** Undefined if none comes, or not all of it. */
async function answerOf(onward: ClientRequest): Promise<Answer | undefined> {
  onward.on('error', () => {});
  try {
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
  } catch {
    return undefined;
  }
}
