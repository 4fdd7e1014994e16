import pino from 'pino';
import { expect, test, vi } from 'vitest';
import { OtaError } from '../../../src/errors.ts';
import { UnavailableLog } from '../../../src/server/unavailable-log.ts';

test('field 15: an outage that fails many requests is one short line now and then, with their number', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { base: null, timestamp: false },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  const log = new UnavailableLog();
  const error = new OtaError('store_unavailable', 'the database cannot be reached');
  for (let i = 0; i < 100; i++) log.failed(error, logger);
  now.mockReturnValue(10_000);
  log.failed(error, logger);
  now.mockRestore();
  expect(lines).toMatchObject([
    { reason: 'the database cannot be reached', requests: 1 },
    { reason: 'the database cannot be reached', requests: 100 },
  ]);
  expect(JSON.stringify(lines)).not.toContain('stack');
});
