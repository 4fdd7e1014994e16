import { OtaClient } from '../../../src/client/ota-client.ts';
import { Retry } from '../../../src/client/retry.ts';
import type { Transport } from '../../../src/client/transport/transport.ts';
import type { PublishRequest } from '../../../src/publish/publish.ts';
import type { PublishEvent } from '../../../src/publish/publish-event.ts';
import type { Publisher } from '../../../src/publish/publisher.ts';
import { APP_ID, SERVER } from './base-server.ts';

export const TOKEN = 'canary-token';

export interface TestPublisher extends Publisher {
  readonly events: PublishEvent[];
  /** Requested waits, in milliseconds; no time passes. */
  readonly waits: number[];
}

/** A publisher over this transport; no time passes in its waits. */
export function publisherOver(
  transport: Transport,
  { server = SERVER, appId = APP_ID, token = TOKEN } = {},
): TestPublisher {
  const events: PublishEvent[] = [];
  const waits: number[] = [];
  const sleep = async (ms: number) => waits.push(ms);
  return {
    appId,
    client: new OtaClient({ server: new URL(server), token, transport }),
    transport,
    retry: new Retry({ sleep, onRetry: (notice) => events.push({ type: 'retrying', notice }) }),
    report: (event) => events.push(event),
    sleep,
    events,
    waits,
  };
}

export function publishRequest(fields: Partial<PublishRequest>): PublishRequest {
  return {
    version: '1.2.0',
    notes: 'Fixes.',
    slug: 'my-app',
    artifacts: [],
    allowPrerelease: false,
    concurrency: 2,
    dryRun: false,
    ...fields,
  };
}
