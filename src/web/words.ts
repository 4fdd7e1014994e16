import type { ReleaseResponse } from '../protocol/messages.ts';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** `14 Nov 2026`, as the visitor's system writes it; empty for none. */
export function day(time: string | null | undefined): string {
  return time ? DAY.format(new Date(time)) : '';
}

/** The same with the time of day, where the visitor is. */
export function moment(time: string | null | undefined): string {
  return time ? MOMENT.format(new Date(time)) : '';
}

export type State = 'live' | 'rolling out' | 'scheduled' | 'paused' | 'yanked' | 'draft';

/** The state of a release in a word. */
export function stateOf({ status, paused_at, rollout }: ReleaseResponse): State {
  if (status === 'draft' || status === 'yanked') return status;
  if (paused_at) return 'paused';
  if (rollout?.state === 'scheduled') return 'scheduled';
  return rollout && rollout.share < 100 ? 'rolling out' : 'live';
}

/** `25 % now, 100 % in 3 days`. */
export function rolloutInWords({ rollout }: ReleaseResponse): string {
  if (!rollout) return 'everyone';
  const { share, percent, over, from = 0, at, state } = rollout;
  const start = state === 'scheduled' && at ? ` until ${moment(at)}` : '';
  if (over === undefined || share >= percent) return `${share} %${start}`;
  return `${share} %${start}, from ${from} % to ${percent} % over ${duration(over)}`;
}

/** `3 days`. */
export function duration(seconds: number): string {
  const [count, unit] = seconds < 172_800 ? [seconds / 3600, 'hour'] : [seconds / 86_400, 'day'];
  const rounded = Math.round(count * 10) / 10;
  return `${rounded} ${unit}${rounded === 1 ? '' : 's'}`;
}
