import type { Logger } from 'pino';
import { OtaError } from '../../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { stopOrExit } from './shutdown.ts';
import { type ServerSettings, startServer } from './start-server.ts';
import { untilAborted } from './until-aborted.ts';
import { STOP, type WorkerMessage } from './worker-group.ts';

/** Serves as one of several processes, until the one that started it says so. Without that one it ends at once. */
export async function serveAsWorker(
  settings: ServerSettings,
  logger: Logger,
  interrupted: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const onOrphaned = () => process.exit(EXIT.store); // at once: a new server may want the store
  process.on('message', (message) => message === STOP && stop.abort()).on('disconnect', onOrphaned);
  const report = (message: WorkerMessage) =>
    new Promise<void>((resolve) => process.send?.(message, () => resolve()) ?? resolve());
  try {
    const server = await startServer(settings, logger, { isWorker: true });
    await report({ type: 'listening', url: server.url });
    await untilAborted(AbortSignal.any([interrupted, stop.signal]));
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
