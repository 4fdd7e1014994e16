import { expect, test } from 'vitest';
import { withQueryTimeout } from '../../../src/database/query-timeout.ts';

test('a query that times out means that the database cannot be reached', async () => {
  await expect(withQueryTimeout(new Promise(() => {}), 1)).rejects.toMatchObject({
    name: 'OtaError',
    code: 'store_unavailable',
    message: 'the database cannot be reached: no response in 1 ms',
  });
});
