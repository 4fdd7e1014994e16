import { type Issue, throwIssues } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { Publisher } from '../publisher.ts';
import { uncachedVersion } from '../uncached-version.ts';
import { summarize } from './check-in-order.ts';
import { checkNextHop, type NextHop, type NextHopResult } from './check-next-hop.ts';

/** How often a slug that was just registered is asked for, a second apart: caches and other nodes may lag behind. */
const MAX_TRIES = 8;
const INTERVAL_MS = 1000;

export interface NextHopIssues {
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

/** What is found about a build's endpoints, for people. @param allowed report as warnings what would be refused */
export function nextHopIssues(
  { client }: Pick<Publisher, 'client'>,
  { nextHop, result }: { readonly nextHop: NextHop; readonly result: NextHopResult },
  allowed: boolean,
): NextHopIssues {
  const { slug, channel = STABLE } = nextHop;
  const found = summarize(result.findings, nextHop.platforms);
  const say = (line: string) => `the build's updater endpoint ${line}`;
  const warnings = found.warnings.map(say);
  if (allowed) return { issues: [], warnings: [...found.issues.map(say), ...warnings] };
  const right = slug && client.checkUrl(slug) + (channel === STABLE ? '' : `?channel=${channel}`);
  const hint =
    `Set plugins.updater.endpoints to ${right ?? 'where the app asks for updates'} and build again, ` +
    'name the configuration that the build used with --config, or pass --allow-endpoint-mismatch if its users get their updates in another way.';
  const issues = found.issues.map((line): Issue => {
    return { id: 'app.endpoint_mismatch', code: 'preflight_refused', message: say(line), hint };
  });
  return { issues, warnings };
}

/**
 * Asks the endpoints again once the slug is registered, before anything goes live.
 * @returns warnings
 * @throws OtaError `preflight_refused` where they do not lead to this app
 */
export async function confirmNextHop(
  publisher: Publisher,
  nextHop: NextHop,
  allowed: boolean,
): Promise<readonly string[]> {
  for (let tries = 1; ; tries++) {
    const asked = tries === 1 ? nextHop : withUncachedVersions(nextHop);
    const result = await checkNextHop(publisher, { ...asked, isNewSlug: false });
    const { issues, warnings } = nextHopIssues(publisher, { nextHop, result }, allowed);
    const isSettled = !result.findings.some(({ isIssue }) => isIssue);
    if (isSettled || tries === MAX_TRIES) {
      throwIssues(issues);
      return warnings;
    }
    await publisher.sleep(INTERVAL_MS);
  }
}

function withUncachedVersions({ version, previousVersion, ...nextHop }: NextHop): NextHop {
  return {
    ...nextHop,
    version: uncachedVersion(version),
    previousVersion: previousVersion && uncachedVersion(previousVersion),
  };
}
