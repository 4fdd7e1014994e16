import type { ReleaseResponse } from '../protocol/messages.ts';
import { formatTimestamp, parseTimestamp } from '../protocol/time.ts';
import { formatCount } from './format.ts';

type RolledOut = Pick<ReleaseResponse, 'rollout' | 'paused_at' | 'pause_reason' | 'pub_date'>;

/** Who is offered a release, like `paused` or `offered to 10 % of the apps`; undefined for everyone. */
export function describeRollout(release: RolledOut): string | undefined {
  const { rollout, paused_at: pausedAt, pause_reason: reason } = release;
  const share = rollout == null || rollout.state === 'complete' ? undefined : shareInWords(rollout, release);
  if (pausedAt == null) return share;
  const paused = reason == null ? 'paused' : 'paused by the server';
  return share === undefined ? paused : `${paused} (${share})`;
}

function shareInWords(
  { state, share, percent, at, from, over }: NonNullable<ReleaseResponse['rollout']>,
  { pub_date: pubDate }: RolledOut,
): string {
  const goal = percent === 100 ? 'everyone' : `${percent} % of the apps`;
  const duration = over === undefined ? '' : `in ${span(over)}`;
  if (state === 'scheduled') {
    const ramp = over === undefined ? `for ${goal}` : `growing from ${from ?? 0} % to ${goal} ${duration}`;
    return `scheduled for ${at ?? 'its publication'}, ${ramp}`;
  }
  const now = `offered to ${share} % of the apps`;
  if (over === undefined || share >= percent) return now;
  const begin = parseTimestamp(at ?? pubDate ?? '');
  const end = begin === undefined ? duration : `until ${formatTimestamp(begin + over * 1000)}`;
  return `${now}, growing to ${goal} ${end}`;
}

/** `3 days`, `36 hours`, `90 minutes`: the longest unit that it is whole in. */
function span(seconds: number): string {
  const units = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const;
  const [unit, length] = units.find(([, each]) => seconds % each === 0) ?? ['second', 1];
  return formatCount(seconds / length, unit);
}
