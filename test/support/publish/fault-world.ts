import { onTestFinished } from 'vitest';
import { type Transport, UndiciTransport } from '../../../src/client/transport/transport.ts';
import type { ReleaseResponse } from '../../../src/protocol/messages.ts';
import { type PublishRequest, type PublishResult, publish } from '../../../src/publish/publish.ts';
import { startBaseProxy } from '../network/base-proxy.ts';
import type { ProxiedRequest } from '../network/fault.ts';
import { type FaultProxy, startFaultProxy } from '../network/fault-proxy.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { listReleases } from '../server/list-releases.ts';
import { openTestServer } from '../server/server.ts';
import { publisherOver, publishRequest } from './test-publisher.ts';

/** Our real server behind a proxy that can fail, and as many apps on it as wanted. */
export interface FaultWorld {
  readonly proxy: FaultProxy;
  createApp(): Promise<FaultedApp>;
}

/** An app that is published to through the proxy. */
export interface FaultedApp {
  readonly slug: string;
  /**
   * One complete run; no time passes in its waits.
   * @param patienceMs the limit for silence
   */
  publish(request: Partial<PublishRequest>, patienceMs?: number): Promise<PublishRun>;
  /** Requested from the server itself. */
  listReleases(): Promise<ReleaseResponse[]>;
}

export interface PublishRun {
  readonly outcome: PublishResult | Error;
  /** The requests that reached the proxy during the run. */
  readonly requests: readonly ProxiedRequest[];
  /** Requested waits, in milliseconds. */
  readonly waits: readonly number[];
}

/** @param kind `base`: a server that knows api.md only */
export async function startFaultWorld(kind: 'our' | 'base' = 'our'): Promise<FaultWorld> {
  const proxy = await startFaultProxy();
  const server = await openTestServer(await tempFolder());
  onTestFinished(() => server.close());
  const { url } = await server.listen(proxy.url);
  proxy.target = kind === 'our' ? url : (await startBaseProxy(url)).url.href;

  let apps = 0;
  return {
    proxy,
    async createApp() {
      const slug = `app-${++apps}`;
      const app = await server.createApp();
      return {
        slug,
        async publish(request, patienceMs = Number.POSITIVE_INFINITY) {
          const transport = new UndiciTransport();
          const publisher = publisherOver(impatient(transport, patienceMs), {
            server: proxy.url.href,
            appId: app.id,
            token: app.token,
          });
          const before = proxy.requests.length;
          const outcome = await publish(publisher, publishRequest({ slug, ...request })).catch(
            (error) => error,
          );
          await transport.close();
          return { outcome, requests: proxy.requests.slice(before), waits: publisher.waits };
        },
        listReleases: () => listReleases(url, app),
      };
    },
  };
}

/** The same transport with a shorter timeout. */
function impatient(transport: Transport, patienceMs: number): Transport {
  const shorten = (idleTimeoutMs: number) => (idleTimeoutMs > 0 ? Math.min(idleTimeoutMs, patienceMs) : 0);
  return {
    send: (request) => transport.send({ ...request, idleTimeoutMs: shorten(request.idleTimeoutMs) }),
  };
}
