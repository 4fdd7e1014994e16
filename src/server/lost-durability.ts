import { databaseFailure, isDurabilityLost } from '../database/database-error.ts';

export interface DurabilityWatch {
  readonly onDurabilityLost: (cause: Error) => void;
}

/**
 * Reports a failure after which nothing may be acknowledged any more, so that the process has to exit; no other failure.
 * For every write, also one that nothing depends on.
 */
export function reportLostDurability(error: unknown, { onDurabilityLost }: DurabilityWatch): void {
  const cause = databaseFailure(error) ?? error;
  if (cause instanceof Error && isDurabilityLost(cause)) onDurabilityLost(cause);
}
