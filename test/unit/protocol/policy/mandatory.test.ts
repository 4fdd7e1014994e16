import { describe, expect, test } from 'vitest';
import { urgentSteps } from '../../../../src/protocol/policy/mandatory.ts';
import { stepFor, updateSteps } from '../../../../src/protocol/routing/update-steps.ts';
import { compareVersions } from '../../../../src/protocol/version.ts';

const VERSIONS = ['1.0.0', '1.1.0-beta.1', '1.1.0', '1.2.0', '1.3.0', '2.0.0'];
const ASKING = ['0.1.0', ...VERSIONS, '1.1.5', '1.2.0-rc.1', '2.0.0-rc.1', '2.0.1'];

/** All sets of some versions. */
function subsets(versions: readonly string[]): string[][] {
  return Array.from({ length: 2 ** versions.length }, (_, chosen) =>
    versions.filter((_, i) => (chosen >> i) % 2 === 1),
  );
}

describe('whether an update is mandatory', () => {
  test('is said to those versions below a mandatory release that the update contains, or below the minimum', () => {
    for (const live of subsets(VERSIONS)) {
      const releases = live.map((version, i) => ({
        version,
        signingKeyId: undefined,
        requires: i === live.length - 1 && live.length > 2 ? live[1] : undefined,
      }));
      const steps = updateSteps(releases, [{ from: undefined, order: '', keyId: undefined }]);
      for (const mandatory of subsets(live)) {
        for (const minimumVersion of [undefined, '1.1.0', '9.0.0']) {
          const urgent = urgentSteps(steps, { releases: mandatory, minimumVersion });
          for (const asking of ASKING) {
            const step = stepFor(urgent, asking) as (typeof urgent)[number] | undefined;
            const offered = stepFor(steps, asking)?.release;
            expect(step?.release).toBe(offered);
            const isContained = mandatory.some(
              (version) =>
                offered !== undefined &&
                compareVersions(asking, version) < 0 &&
                compareVersions(version, offered.version) <= 0,
            );
            const isTooLow = minimumVersion !== undefined && compareVersions(asking, minimumVersion) < 0;
            expect([asking, live, mandatory, step?.isMandatory ?? false]).toEqual([
              ...[asking, live, mandatory],
              offered !== undefined && (isContained || isTooLow),
            ]);
          }
        }
      }
    }
  });
});
