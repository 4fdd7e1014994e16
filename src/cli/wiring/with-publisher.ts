import { setTimeout as sleep } from 'node:timers/promises';
import type { PublishEvent } from '../../publish/publish-event.ts';
import type { Publisher } from '../../publish/publisher.ts';
import type { Context } from '../context.ts';
import type { RemoteOptions } from '../options/shared-options.ts';
import { KeptSoFar } from '../output/kept-so-far.ts';
import { PublishReporter } from '../output/publish-reporter.ts';
import { type ConnectOptions, connectForApp } from './connect.ts';

export interface PublisherOptions extends Omit<ConnectOptions, 'onRetry'> {
  readonly options: RemoteOptions & { readonly project?: string };
  readonly context: Context;
}

/**
 * Connects to a server, shows what happens while something is published, and closes the connection.
 * @throws OtaError as `connectForApp`; `interrupted` with what is kept; whatever publishing throws
 */
export async function withPublisher<T>(
  { options, context, ...connectOptions }: PublisherOptions,
  use: (publisher: Publisher) => Promise<T>,
): Promise<T> {
  const { output, signal } = context;
  const reporter = new PublishReporter(output);
  const kept = new KeptSoFar();
  const report = (event: PublishEvent) => {
    kept.follow(event);
    reporter.report(event);
  };
  const onRetry: ConnectOptions['onRetry'] = (notice) => report({ type: 'retrying', notice });
  const remote = connectForApp(options, context, { ...connectOptions, onRetry });
  try {
    return await use({ ...remote, report, sleep: (ms) => sleep(ms, undefined, { signal }) });
  } catch (error) {
    throw signal.aborted ? kept.toError(error) : error;
  } finally {
    reporter.stop();
    await remote.transport.close();
  }
}
