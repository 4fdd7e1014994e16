import type { RolloutRequest } from '../../protocol/messages.ts';
import type { RequestedRollout } from '../../protocol/rollout/rollout.ts';
import { parseTimestamp } from '../../protocol/time.ts';
import { InvalidRequest } from '../http/error-reply.ts';

/** @throws InvalidRequest */
export function readRollout({ percent, at, over }: RolloutRequest): RequestedRollout {
  const time = at === undefined ? undefined : parseTimestamp(at);
  if (at !== undefined && time === undefined)
    throw new InvalidRequest({ field: 'rollout/at', message: 'must be a time that exists' });
  return { percent, at: time, rampMs: over === undefined ? undefined : over * 1000 };
}
