import { Exchange } from './exchange.ts';
import type { Fault, ProxiedRequest } from './fault.ts';
import { listenHttp } from './loopback-server.ts';

/** A proxy on loopback before a real server, for what networks and servers do to requests. */
export interface FaultProxy {
  /** Where it is reached. */
  readonly url: URL;
  /** The origin it passes requests on to. */
  target: string;
  /** Taken off each path. */
  prefix: string;
  /** All that came, in order. */
  readonly requests: readonly ProxiedRequest[];
  /** Asked for each request as its head has come. */
  inject: (request: ProxiedRequest) => Fault | undefined;
  /** Resolves when nothing is under way on the server's side any more. */
  settled(): Promise<void>;
}

/** Starts one that is ended with the test; `target` may be a server that is started after it. */
export async function startFaultProxy(target = ''): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = [];
  const underWay = new Set<Promise<void>>();
  const proxy = {
    target,
    prefix: '',
    requests,
    inject: (_request: ProxiedRequest): Fault | undefined => undefined,
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
  const url = await listenHttp((request, response) => {
    const { method = '', url: path = '', headers } = request;
    const number = requests.length + 1;
    const record = { number, method, url: path, headers, passedBytes: 0, answer: undefined, struck: false };
    requests.push(record);
    const exchange = new Exchange({ request, response, record }, proxy.inject(record));
    const handled = exchange.run(new URL(path.slice(proxy.prefix.length), proxy.target));
    underWay.add(handled);
    void handled.finally(() => underWay.delete(handled));
  });
  return Object.assign(proxy, { url });
}
