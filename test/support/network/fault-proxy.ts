import { Exchange } from './exchange.ts';
import type { Fault, ProxiedRequest } from './fault.ts';
import { listenHttp } from './loopback-server.ts';

/** A proxy on loopback in front of a real server, which injects faults of networks and servers. */
export interface FaultProxy {
  /** Its own URL. */
  readonly url: URL;
  /** The origin it passes requests on to. */
  target: string;
  /** Removed from each path. */
  prefix: string;
  /** All requests, in order. */
  readonly requests: readonly ProxiedRequest[];
  /** Called for each request once its head has arrived. */
  inject: (request: ProxiedRequest) => Fault | undefined;
  /** Resolves once no request to the server is in progress. */
  settled(): Promise<void>;
}

/** Starts a proxy that ends with the test; `target` can be a server that is started later. */
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
