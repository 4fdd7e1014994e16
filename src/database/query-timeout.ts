import { TimeoutError, withTimeout } from '../runtime/with-timeout.ts';
import { unreachable } from './database-error.ts';

/**
 * Waits for a query no longer than it is given. The query itself is not cancelled.
 * @throws OtaError `store_unavailable` after `timeoutMs`
 */
export async function withQueryTimeout<T>(query: Promise<T>, timeoutMs: number): Promise<T> {
  try {
    return await withTimeout(query, timeoutMs);
  } catch (error) {
    throw error instanceof TimeoutError ? unreachable(error) : error;
  }
}
