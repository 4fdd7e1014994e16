import type { Issue } from '../issue.ts';
import type { Platform, Target } from '../protocol/platform.ts';
import type { UpdaterConfig } from '../tauri/project/tauri-config.ts';
import { checkNextHop, type NextHop } from './next-hop/check-next-hop.ts';
import { nextHopIssues } from './next-hop/next-hop-issues.ts';
import { liveBefore } from './plan/previous-release.ts';
import type { Publisher } from './publisher.ts';
import type { ReleaseRequest } from './release-request.ts';
import { checkPublicUrl } from './server-state/check-public-url.ts';
import type { ServerState } from './server-state/server-state.ts';

/** The build that is published, where it is known. */
export interface Build {
  /** Where its updaters ask, by system. */
  readonly updaters?: ReadonlyMap<Target, UpdaterConfig> | undefined;
  /** Allow a build that will not find its next update. */
  readonly allowEndpointMismatch?: boolean;
}

export interface NextHopOptions {
  readonly request: ReleaseRequest & Build;
  readonly platforms: readonly Platform[];
  readonly server: ServerState;
  /** Where installed apps are to ask; undefined when unknown. */
  readonly slug: string | undefined;
  /** Whether this run has yet to register the slug. */
  readonly isNewSlug: boolean;
}

export interface FoundNextHop {
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
  /** Set where it is certain only once the slug is registered. */
  readonly pending: NextHop | undefined;
}

/** Whether installed copies of what is published will find their next update, and can download it. */
export async function findNextHop(
  publisher: Publisher,
  { request, platforms, server, slug, isNewSlug }: NextHopOptions,
): Promise<FoundNextHop> {
  const { updaters = new Map(), version, channel, allowEndpointMismatch = false } = request;
  const previousVersion = liveBefore(server.releases, request)?.version;
  const nextHop: NextHop = {
    updaters,
    platforms,
    version,
    channel,
    previousVersion,
    slug,
    isNewSlug,
    server,
  };
  const result = await checkNextHop(publisher, nextHop);
  const { origins, leading, isPending } = result;
  for (const endpoint of leading) publisher.report({ type: 'endpoint_checked', endpoint, isPending });
  const found = nextHopIssues(publisher, { nextHop, result }, allowEndpointMismatch);
  const place = checkPublicUrl({ publicUrl: server.publicUrl, server: publisher.client.server, origins });
  return {
    issues: [...found.issues, ...place.issues],
    warnings: [...found.warnings, ...place.warnings],
    pending: isPending ? nextHop : undefined,
  };
}
