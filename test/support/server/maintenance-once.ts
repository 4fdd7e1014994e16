import pino from 'pino';
import { Maintenance } from '../../../src/server/maintenance/maintenance.ts';
import type { Services } from '../../../src/server/services.ts';

/** Runs one round of the server's maintenance. @returns the failures it logged, a line each */
export async function maintainOnce(services: Services): Promise<readonly string[]> {
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line) => lines.push(line) });
  await new Maintenance(services, logger).runOnce();
  return lines;
}
