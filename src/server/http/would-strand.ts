import { Problem } from '../../protocol/problem.ts';
import { describeStranding, type Stranding } from '../../protocol/routing/stranded-versions.ts';

/** Extension `key-routing`: a change that would cut the way of installed apps to the highest release. */
export function wouldStrand(strandings: readonly Stranding[]): Problem {
  const errors = strandings.map(({ platform, versions, highest }) => ({
    field: platform,
    message: `${versions.join(', ')} would have no way to ${highest}`,
  }));
  return new Problem('would_strand', `Refused: ${describeStranding(strandings)}.`, errors);
}
