import type { OfferedShare, SimulatedCell } from '../../protocol/messages.ts';
import { COHORTS } from '../../protocol/rollout/cohort.ts';
import {
  type AppAnswers,
  type AppRelease,
  answerTo,
  type InstalledApp,
  type Offering,
} from '../update-check/app-answers.ts';
import { ANYONE, type Asker } from '../update-check/rollouts.ts';
import { Urgency } from './findings.ts';

/** Apps that are offered the same releases. */
interface Group {
  readonly asker: Asker;
  /** How many of the 100 cohorts are in it. */
  readonly share: number;
}

export type AnsweredApp = Pick<InstalledApp, 'platform' | 'currentVersion' | 'channel'>;

type Answers = SimulatedCell['today'];

/** What the cohorts of an app are answered: the check, asked by one app of each group of cohorts. */
export class GroupAnswers {
  readonly #answers: AppAnswers<AppRelease>;
  readonly #offering: Offering;
  readonly #groups: readonly Group[];
  readonly #urgency: Urgency;

  constructor(answers: AppAnswers<AppRelease>, offering: Offering) {
    this.#answers = answers;
    this.#offering = offering;
    this.#groups = groupsOf(answers, offering.now);
    this.#urgency = new Urgency(offering);
  }

  answersTo(app: AnsweredApp): Answers {
    const isByAddress = this.#offering.cohortRule?.fallback === 'address';
    const shares = new Map<string, OfferedShare>();
    for (const { asker, share } of this.#groups) {
      const offered = this.#offerTo(app, asker);
      const key = JSON.stringify(offered);
      shares.set(key, { ...offered, share: share + (shares.get(key)?.share ?? 0) });
    }
    return {
      shares: [...shares.values()].sort((a, b) => b.share - a.share),
      ...(!isByAddress && { without_cohort: this.#offerTo(app, ANYONE).version }),
    };
  }

  #offerTo(app: AnsweredApp, asker: Asker): Omit<OfferedShare, 'share'> {
    const asked = { ...app, asker };
    const answer = answerTo(this.#answers, asked, this.#offering.now);
    const mandatory = this.#urgency.isMandatory(answer, asked);
    return { version: answer.release?.version ?? null, mandatory };
  }
}

function groupsOf({ rollouts }: AppAnswers<AppRelease>, now: number): Group[] {
  if (rollouts === undefined) return [{ asker: ANYONE, share: COHORTS }];
  const askers = Array.from({ length: COHORTS }, (_, cohort) => ({ ...ANYONE, cohort }));
  const byOffers = Map.groupBy(askers, (asker) => rollouts.offersFor(asker, now));
  return [...byOffers.values()].flatMap(([asker, ...others]) =>
    asker === undefined ? [] : [{ asker, share: 1 + others.length }],
  );
}
