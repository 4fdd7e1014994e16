import { type Rollout, shareAt } from '../../protocol/rollout/rollout.ts';
import { LineChart } from './line-chart.tsx';

const POINTS = 120;
const HOUR = 3_600_000;

export interface ShareCurveProps {
  readonly rollout: Rollout | null;
  /** Milliseconds since 1970, as is `now`. */
  readonly pubDate: number;
  readonly now: number;
}

/** Who is offered a release over time, from a little before now until the ramp has ended. */
export function ShareCurve({ rollout, pubDate, now }: ShareCurveProps) {
  const begin = Math.max(rollout?.at ?? 0, pubDate);
  const end = Math.max(now, begin) + (rollout?.ramp?.ms ?? 24 * HOUR) * 1.1;
  const start = Math.min(now, begin) < now - 30 * 24 * HOUR ? now : Math.min(now, begin);
  const times = Array.from({ length: POINTS + 1 }, (_, i) => start + ((end - start) * i) / POINTS);
  const shares = times.map((time) => shareAt({ rollout, pubDate }, time));
  return (
    <LineChart
      label="The share of apps that are offered it over time"
      times={times}
      lines={[shares]}
      unit=" %"
      max={105}
    />
  );
}
