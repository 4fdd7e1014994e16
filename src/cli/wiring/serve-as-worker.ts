import type { Logger } from 'pino';
import { OtaError } from '../../errors.ts';
import { matches } from '../../protocol/validate.ts';
import { answerForMetrics } from '../../server/metrics/worker-metrics.ts';
import { report } from '../../server/workers/receive-connections.ts';
import { MainMessage } from '../../server/workers/worker-messages.ts';
import { EXIT } from '../exit-codes.ts';
import { stopOrExit } from './shutdown.ts';
import { type ServerSettings, startServer } from './start-server.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * Serves as one of several processes, until the one that started it says so, which it asks for when it is interrupted
 * itself. Without that one it ends at once.
 */
export async function serveAsWorker(
  settings: ServerSettings,
  logger: Logger,
  interrupted: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const onOrphaned = () => process.exit(EXIT.store); // at once: a new server may want the store
  const onMessage = (message: unknown) => {
    if (matches(MainMessage, message) && message.type === 'stop') stop.abort();
  };
  process.on('message', onMessage).on('disconnect', onOrphaned);
  try {
    const server = await startServer(settings, logger, { isWorker: true });
    if (server.metrics !== undefined) answerForMetrics(server.metrics);
    await untilAborted(AbortSignal.any([interrupted, stop.signal]));
    if (!stop.signal.aborted) await report({ type: 'leaving' });
    await untilAborted(stop.signal);
    await stopOrExit(server, logger);
  } catch (error) {
    if (!(error instanceof OtaError) || (error.code !== 'usage' && error.code !== 'store_unavailable'))
      throw error;
    const { code, message, hint } = error;
    await report({ type: 'failed', code, message, ...(hint !== undefined && { hint }) });
  } finally {
    process.off('disconnect', onOrphaned);
    if (process.connected) process.disconnect(); // it would keep the process alive
  }
}
