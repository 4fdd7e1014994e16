import type { AutoPause } from '../../protocol/health/auto-pause.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';

const CLIENTS = { min: 20, max: 1_000_000 };
const POINTS = { min: 0, max: 50 };

interface AutoPauseOptions {
  readonly autoPause?: string | undefined;
  readonly autoPauseClients?: string | undefined;
  readonly autoPauseTolerance?: string | undefined;
}

/** What changes about it; undefined when nothing is given. */
export function readAutoPause(
  { autoPause, autoPauseClients, autoPauseTolerance }: AutoPauseOptions,
  errors: OptionErrors,
): Partial<AutoPause> | undefined {
  const change = {
    ...(autoPause !== undefined && { isOn: autoPause === 'on' }),
    ...(autoPauseClients !== undefined && {
      minimum: readInteger({ option: '--auto-pause-clients', text: autoPauseClients, ...CLIENTS }, errors),
    }),
    ...(autoPauseTolerance !== undefined && { tolerance: readPoints(autoPauseTolerance, errors) / 100 }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

/** `2%` or `0.5`. */
function readPoints(text: string, errors: OptionErrors): number {
  const points = Number(/^(\d{1,2}(?:\.\d{1,2})?)\s*%?$/.exec(text.trim())?.[1] ?? -1);
  if (points < POINTS.min || points > POINTS.max)
    errors.add(`--auto-pause-tolerance ${text} must be a percentage from 0 to 50, like 2%`);
  return points;
}

export function autoPauseDocument({ isOn, minimum, tolerance }: AutoPause) {
  return { on: isOn, clients: minimum, tolerance };
}

/** `are paused when they do worse than the release before (by 1 % or more, of 50 clients or more)` */
export function autoPauseInWords({ isOn, minimum, tolerance }: AutoPause): string {
  if (!isOn) return 'are not paused by the server';
  const points = Number((100 * tolerance).toFixed(2));
  return `are paused when they do worse than the release before, by more than ${points} % of ${minimum} clients or more`;
}
