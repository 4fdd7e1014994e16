import type { Logger } from 'pino';
import { UndiciTransport } from '../../client/transport/transport.ts';
import type { StartedServer } from '../wiring/start-server.ts';
import { type ExportSettings, KeptExport } from './kept-export.ts';
import { OwnTransport } from './own-transport.ts';

/** Keeps an export of a server up to date. @returns ends it */
export function keepExport(
  { url, publicUrl, database }: StartedServer,
  exported: ExportSettings,
  logger: Logger,
): () => Promise<void> {
  const listening = new URL(url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost'));
  const direct = new UndiciTransport();
  const transport = new OwnTransport(direct, { publicUrl, listening });
  const kept = new KeptExport({ ...exported, database, server: listening, transport, logger });
  return async () => {
    await kept.stop();
    await direct.close();
  };
}
