import type { ReleaseResponse } from '../../protocol/messages.ts';

/** Who is offered a release, like `paused` or `offered to 10 % of the apps`; undefined for everyone. */
export function describeRollout({
  rollout,
  paused_at: pausedAt,
  pause_reason: reason,
}: Pick<ReleaseResponse, 'rollout' | 'paused_at' | 'pause_reason'>): string | undefined {
  const share = rollout == null || rollout.state === 'complete' ? undefined : shareInWords(rollout);
  if (pausedAt == null) return share;
  const paused = reason == null ? 'paused' : 'paused by the server';
  return share === undefined ? paused : `${paused} (${share})`;
}

function shareInWords({ state, share, percent, at, over }: NonNullable<ReleaseResponse['rollout']>): string {
  const goal = percent === 100 ? 'everyone' : `${percent} % of the apps`;
  if (state === 'scheduled') return `scheduled for ${at ?? 'its publication'}, for ${goal}`;
  return `offered to ${share} % of the apps${over !== undefined && share < percent ? `, growing to ${goal}` : ''}`;
}
