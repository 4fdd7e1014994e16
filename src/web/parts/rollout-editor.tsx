import { useState } from 'preact/hooks';
import type { ReleaseResponse, RolloutRequest } from '../../protocol/messages.ts';
import { rolloutOf } from '../../protocol/rollout/rollout.ts';
import { duration, rolloutInWords } from '../words.ts';
import { ShareCurve } from './share-curve.tsx';

const DAY = 86_400;
/** In seconds; 0: at once. */
const RAMPS = [0, DAY, 3 * DAY, 7 * DAY, 14 * DAY];

export interface RolloutEditorProps {
  readonly release: ReleaseResponse;
  readonly onAsk: (rollout: RolloutRequest | null) => void;
}

/** Sets who is offered a release: a slider for the share, and how long it takes to get there. */
export function RolloutEditor({ release, onAsk }: RolloutEditorProps) {
  const current = release.rollout?.share ?? 100;
  const [percent, setPercent] = useState(release.rollout?.percent ?? 100);
  const [over, setOver] = useState(release.rollout?.over ?? 0);
  const now = Date.now();
  const asked = rolloutOf({ percent, ...(over > 0 && { rampMs: over * 1000, at: now }) }, current);
  const choices = RAMPS.includes(over) ? RAMPS : [...RAMPS, over].sort((a, b) => a - b);
  const submit = (event: Event) => {
    event.preventDefault();
    onAsk(percent === 100 && over === 0 ? null : { percent, ...(over > 0 && { over }) });
  };
  return (
    <form class="card" onSubmit={submit}>
      <h2>Rollout</h2>
      <p class="soft">Now: {rolloutInWords(release)}</p>
      <label>
        <span>
          Offered to <output>{percent} %</output> of the apps
        </span>
        <input
          type="range"
          min="0"
          max="100"
          value={percent}
          aria-valuetext={`${percent} %`}
          onInput={({ currentTarget }) => setPercent(Number(currentTarget.value))}
        />
      </label>
      <label>
        <span>Reached</span>
        <select value={over} onChange={({ currentTarget }) => setOver(Number(currentTarget.value))}>
          {choices.map((seconds) => (
            <option key={seconds} value={seconds}>
              {seconds === 0 ? 'at once' : `over ${duration(seconds)}`}
            </option>
          ))}
        </select>
      </label>
      <ShareCurve rollout={asked} pubDate={Date.parse(release.pub_date ?? '') || now} now={now} />
      {percent < current && (
        <p class="warning">
          Apps that were offered it already keep it; those that have not asked yet get another.
        </p>
      )}
      <div class="row end">
        <button type="submit" class="primary">
          Set rollout…
        </button>
      </div>
    </form>
  );
}
