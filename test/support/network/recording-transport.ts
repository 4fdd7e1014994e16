import {
  type Transport,
  type TransportRequest,
  UndiciTransport,
} from '../../../src/client/transport/transport.ts';

/** Real HTTP that is recorded, and that something can happen to on the way there and back. */
export class RecordingTransport implements Transport {
  readonly #inner = new UndiciTransport();
  readonly requests: TransportRequest[] = [];
  /** Called before a request leaves: waited for, and the server sees nothing of it when this throws. */
  before: (request: TransportRequest) => unknown = () => {};
  /** Called when an answer has come: waited for, and the answer is lost when this throws. */
  after: (request: TransportRequest) => unknown = () => {};

  async send(request: TransportRequest) {
    this.requests.push(request);
    await this.before(request);
    const response = await this.#inner.send(request);
    await this.after(request);
    return response;
  }

  /** `METHOD /path` of each request, in order. */
  get calls(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.pathname}`);
  }

  get writes(): string[] {
    return this.calls.filter((call) => !call.startsWith('GET'));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
