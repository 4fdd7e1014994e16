import {
  AGES,
  type Age,
  type AssessSettings,
  DEFAULT_ASSESS_SETTINGS,
  LOOP_DOWNLOADS,
  type PauseCause,
  type ReleaseSigns,
} from './assess-release.ts';
import type { Share } from './shares.ts';

/** When the server pauses the rollouts of an app by itself. */
export interface AutoPause extends AssessSettings {
  readonly isOn: boolean;
}

export function autoPauseOf(text: string | null): AutoPause {
  return { isOn: true, ...DEFAULT_ASSESS_SETTINGS, ...(text === null ? {} : JSON.parse(text)) };
}

/** What an operator has said of pauses of a release by the server. */
export interface ReleaseWatch {
  /** It is not paused by the server. */
  readonly off?: true;
  /** What was known when it was resumed: that is no reason for another pause. */
  readonly known?: ReleaseSigns;
}

export function watchOf(text: string | null): ReleaseWatch {
  return text === null ? {} : JSON.parse(text);
}

/** Why the server has paused a release. */
export interface PauseReason extends PauseCause {
  /** The version that it was compared with. */
  readonly beforeVersion?: string | undefined;
  /** One sentence for people. */
  readonly text: string;
}

export function pauseReasonOf(cause: PauseCause, beforeVersion: string | undefined): PauseReason {
  const compared = cause.before === undefined ? undefined : beforeVersion;
  const own = `${percent(cause.count / cause.of)} of ${Math.round(cause.of)} clients`;
  const where = cause.platform === undefined ? '' : ` on ${cause.platform}`;
  const than = compared === undefined ? '' : `, where it was ${percent(cause.before ?? 0)} with ${compared}`;
  const text = `${own}${where} ${WHAT[cause.kind](cause)}${than}`;
  return { ...cause, ...(compared !== undefined && { beforeVersion: compared }), text };
}

const WHAT: Readonly<Record<PauseCause['kind'], (cause: PauseCause) => string>> = {
  conversion: ({ hours = 1 }) =>
    `that downloaded it were running it ${hours === 1 ? 'an hour' : `${hours} hours`} later`,
  loops: () => `downloaded it ${LOOP_DOWNLOADS} times or more`,
  failures: () => 'that downloaded it report that it failed or crashed',
};

function percent(share: number): string {
  return `${(100 * share).toFixed(1).replace(/\.0$/, '')} %`;
}

/** What has become known since. */
export function signsSince(signs: ReleaseSigns, known: ReleaseSigns | undefined): ReleaseSigns {
  if (known === undefined) return signs;
  const ofAge = (age: Age) => sharesSince(signs.conversions[age], known.conversions[age]);
  return {
    conversions: Object.fromEntries(AGES.map((age) => [age, ofAge(age)])) as Record<Age, Share[]>,
    loops: sharesSince(signs.loops, known.loops),
    failures: sharesSince(signs.failures, known.failures),
  };
}

function sharesSince(shares: readonly Share[], known: readonly Share[]): Share[] {
  return shares.map(({ platform, of, count }) => {
    const before = known.find((share) => share.platform === platform);
    return {
      platform,
      of: Math.max(0, of - (before?.of ?? 0)),
      count: Math.max(0, count - (before?.count ?? 0)),
    };
  });
}
