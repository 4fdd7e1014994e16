import type { Transport, TransportRequest, TransportResponse } from '../../client/transport/transport.ts';
import { API_ROOT } from '../../protocol/routes.ts';

/** Reaches this server where it listens: its public URL may lead through what this machine cannot reach. */
export class OwnTransport implements Transport {
  readonly #transport: Transport;
  readonly #publicRoot: string;
  readonly #listening: string;

  /** @param publicUrl without a slash at the end */
  constructor(transport: Transport, urls: { readonly publicUrl: string; readonly listening: URL }) {
    this.#transport = transport;
    this.#publicRoot = urls.publicUrl + API_ROOT;
    this.#listening = urls.listening.origin + API_ROOT;
  }

  send(request: TransportRequest): Promise<TransportResponse> {
    const { href } = request.url;
    if (!href.startsWith(this.#publicRoot)) return this.#transport.send(request);
    const url = new URL(this.#listening + href.slice(this.#publicRoot.length));
    return this.#transport.send({ ...request, url });
  }
}
