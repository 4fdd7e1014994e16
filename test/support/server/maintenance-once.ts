import pino from 'pino';
import { startMaintenance } from '../../../src/server/maintenance/maintenance.ts';
import type { Services } from '../../../src/server/services.ts';

/** Does once what the server does beside answering. @returns what was logged of failures, a line each */
export async function upkeepOnce(services: Services): Promise<readonly string[]> {
  const lines: string[] = [];
  const upkeep = startMaintenance(services, pino({ level: 'error' }, { write: (line) => lines.push(line) }));
  await upkeep.firstRound;
  await upkeep.stop();
  return lines;
}
