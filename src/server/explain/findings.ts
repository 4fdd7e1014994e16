import type { ListedRelease } from '../../database/queries/list-releases.ts';
import { type UrgentStep, urgentSteps } from '../../protocol/policy/mandatory.ts';
import type { Audience, Hold } from '../../protocol/rollout/cohort.ts';
import { stepFor } from '../../protocol/routing/update-steps.ts';
import { type Classification, classificationOf } from '../../protocol/routing/walk-trace.ts';
import {
  type Answer,
  type AppAnswers,
  type AppRelease,
  answerTo,
  type InstalledApp,
  type Offering,
  type Watch,
} from '../update-check/app-answers.ts';
import { obligationsIn } from '../update-check/resolve-offers.ts';
import { ANYONE } from '../update-check/rollouts.ts';

/** What an app is answered, and all that says why. */
export interface ExplainedApp {
  readonly offering: Offering;
  readonly answers: AppAnswers<AppRelease>;
  readonly traces: Watch['traces'];
  /** Its releases of any state, the highest first: those that are lower are left out. */
  readonly listed: readonly ListedRelease[];
}

export interface ExplainedQuestion extends InstalledApp {
  /** The id of the key that the app's build is said to carry. */
  readonly keyId?: string | undefined;
}

/** What is known of the answer, for the sentences about each release. */
export interface Findings {
  readonly asked: ExplainedQuestion;
  readonly answer: Answer<AppRelease>;
  readonly classification: Classification<AppRelease> | undefined;
  readonly audience: Audience;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly isMandatory: boolean;
}

/** The answer is that of the check, with what the walk to it has written down. */
export function findingsOf({ offering, answers, traces }: ExplainedApp, asked: ExplainedQuestion): Findings {
  const { asker = ANYONE, currentVersion } = asked;
  const answer = answerTo(answers, asked, offering.now);
  const trace = answer.steps && traces.get(answer.steps);
  const audience = answers.rollouts?.audienceOf(asker, offering.now) ?? asker;
  return {
    asked,
    answer,
    classification: trace && classificationOf(trace, currentVersion),
    audience,
    holds: answers.rollouts?.holdsFor(audience) ?? new Map(),
    isMandatory: new Urgency(offering).isMandatory(answer, asked),
  };
}

type Steps = NonNullable<Answer<AppRelease>['steps']>;

/** Whether the update is mandatory, as the answer says it. */
export class Urgency {
  readonly #policy: Offering['policy'];
  readonly #urgent = new Map<string, Map<Steps, readonly UrgentStep<AppRelease>[]>>();

  constructor({ policy }: Pick<Offering, 'policy'>) {
    this.#policy = policy;
  }

  isMandatory(
    { release, isLower, steps = [] }: Answer<AppRelease>,
    { channel, currentVersion }: Pick<InstalledApp, 'channel' | 'currentVersion'>,
  ): boolean {
    if (release === undefined || isLower) return false;
    const ofChannel = this.#urgent.get(channel) ?? new Map<Steps, readonly UrgentStep<AppRelease>[]>();
    this.#urgent.set(channel, ofChannel);
    const urgent = ofChannel.get(steps) ?? urgentSteps(steps, obligationsIn(channel, this.#policy));
    ofChannel.set(steps, urgent);
    return stepFor(urgent, currentVersion)?.isMandatory ?? false;
  }
}
