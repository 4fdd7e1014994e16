import type { OtaClient } from '../client/ota-client.ts';
import type { Retry } from '../client/retry.ts';
import type { Transport } from '../client/transport/transport.ts';
import type { PublishEvent } from './publish-event.ts';

/** What publishing works with: the connection to the server, and where events are reported. */
export interface Publisher {
  readonly appId: string;
  readonly client: OtaClient;
  readonly transport: Transport;
  readonly retry: Retry;
  readonly report: (event: PublishEvent) => void;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly signal?: AbortSignal | undefined;
}
