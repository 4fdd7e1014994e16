import {
  type Transport,
  type TransportRequest,
  UndiciTransport,
} from '../../../src/client/transport/transport.ts';

/** Real HTTP that is recorded, with hooks before a request and after its response. */
export class RecordingTransport implements Transport {
  readonly #inner = new UndiciTransport();
  readonly requests: TransportRequest[] = [];
  /** Awaited before a request is sent; if it throws, the server does not see the request. */
  before: (request: TransportRequest) => unknown = () => {};
  /** Awaited after a response came; if it throws, the response is lost. */
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
    // A simulation has its question in its body, and changes nothing.
    return this.calls.filter((call) => !call.startsWith('GET') && !/^POST \S+\/simulate\b/.test(call));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
