import { type Platform, platformName } from '../../protocol/platform.ts';
import type { Mismatch, Verdict } from './classify-response.ts';

/** One endpoint of a build, for one of the platforms that are published. */
export interface ClassifiedEndpoint {
  readonly endpoint: string;
  /** `fatal`: the updater rejects the configuration as a whole because of it, so the app does not start. */
  readonly verdict: Verdict | { readonly kind: 'fatal'; readonly cause: string };
}

/** What is wrong with an endpoint. */
export interface EndpointFinding {
  readonly endpoint: string;
  readonly cause: string;
  /** Whether apps of the build would not find the next update. */
  readonly isIssue: boolean;
  readonly platform: Platform;
}

/** What counts as leading to this app. */
const OWN: readonly ClassifiedEndpoint['verdict']['kind'][] = ['ours', 'pending', 'unchecked'];

/**
 * Goes through the endpoints of one platform as Tauri's updater does: in order, until one of them gives an answer
 * that ends the check. One of them has to lead to this app, and none may come before it and end the check. Pure.
 */
export function checkInOrder(
  endpoints: readonly ClassifiedEndpoint[],
  platform: Platform,
): EndpointFinding[] {
  const own = endpoints.findIndex(({ verdict }) => OWN.includes(verdict.kind));
  return endpoints.flatMap(({ endpoint, verdict }, index) => {
    if (verdict.kind === 'fatal') return [{ endpoint, cause: verdict.cause, isIssue: true, platform }];
    if (verdict.kind === 'unchecked') return [{ endpoint, cause: verdict.cause, isIssue: false, platform }];
    if (verdict.kind !== 'mismatch') return [];
    const found = findingAt(verdict, { index, own });
    return found === undefined ? [] : [{ endpoint, platform, ...found }];
  });
}

function findingAt(
  { cause, endsTheCheck, isFallback }: Mismatch,
  { index, own }: { readonly index: number; readonly own: number },
): Pick<EndpointFinding, 'cause' | 'isIssue'> | undefined {
  if (own < 0) return { cause, isIssue: true };
  if (index > own) return isFallback ? undefined : { cause: `as a fallback: ${cause}`, isIssue: false };
  return endsTheCheck
    ? {
        cause: `${cause}; it is asked before the endpoint of this app, which may never be asked`,
        isIssue: true,
      }
    : { cause: `it is asked before the endpoint of this app: ${cause}`, isIssue: false };
}

/** One line for each endpoint and cause, naming the platforms where it does not hold for all. Pure. */
export function summarize(
  findings: readonly EndpointFinding[],
  platforms: readonly Platform[],
): { readonly issues: string[]; readonly warnings: string[] } {
  const all = new Set(platforms.map(platformName)).size;
  const grouped = new Map<string, { finding: EndpointFinding; names: Set<string> }>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.endpoint, finding.cause, finding.isIssue]);
    const group = grouped.get(key) ?? { finding, names: new Set() };
    group.names.add(platformName(finding.platform));
    grouped.set(key, group);
  }
  const lines = [...grouped.values()].map(({ finding, names }) => ({
    isIssue: finding.isIssue,
    line: `${finding.endpoint}: ${finding.cause}${names.size < all ? ` (for ${[...names].join(', ')})` : ''}`,
  }));
  const linesOf = (isIssue: boolean) =>
    lines.filter((line) => line.isIssue === isIssue).map(({ line }) => line);
  return { issues: linesOf(true), warnings: linesOf(false) };
}
