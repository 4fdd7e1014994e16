import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../errors.ts';
import { LOWEST_VERSION } from '../../protocol/version.ts';
import { checkNextHop } from '../../publish/next-hop/check-next-hop.ts';
import { nextHopIssues } from '../../publish/next-hop/next-hop-issues.ts';
import { checkPublicUrl } from '../../publish/server-state/check-public-url.ts';
import type { Capabilities } from '../../publish/server-state/server-state.ts';
import type { Remote } from '../wiring/connect.ts';
import { SAMPLE_PLATFORMS } from './endpoint-findings.ts';
import type { ExaminedProject } from './examine-project.ts';
import { type Finding, findingOf } from './finding.ts';

export interface ExamineEndpointsOptions {
  readonly project: ExaminedProject;
  readonly capabilities: Capabilities;
  /** Undefined where it is not known: then another app of the same server may pass for this one. */
  readonly appId: string | undefined;
  readonly slug: string | undefined;
  readonly channel: string;
}

/** Whether the endpoints of the project lead to the app on the server, as `publish` checks it. */
export async function examineEndpoints(remote: Remote, options: ExamineEndpointsOptions): Promise<Finding[]> {
  const { project, capabilities, appId, slug, channel } = options;
  const extensions = new Set(capabilities.extensions);
  if (appId === undefined) extensions.delete('app-tag');
  const publisher = {
    ...remote,
    appId: appId ?? '',
    report: () => {},
    sleep: (ms: number) => sleep(ms, undefined, { signal: remote.signal }),
  };
  const updaters = new Map([...project.updaters].filter(([, { endpoints }]) => endpoints.length > 0));
  const nextHop = {
    updaters,
    platforms: [...updaters.keys()].map((system) => SAMPLE_PLATFORMS[system]),
    version: project.version ?? LOWEST_VERSION,
    channel,
    previousVersion: undefined,
    slug,
    isNewSlug: false,
    server: { extensions },
  };
  const result = await checkNextHop(publisher, nextHop).catch((error: unknown) => {
    if (error instanceof OtaError && error.code !== 'interrupted') return error;
    throw error;
  });
  if (result instanceof OtaError) return []; // the server was examined already
  const { issues, warnings } = nextHopIssues(publisher, { nextHop, result }, false);
  const place = checkPublicUrl({
    publicUrl: capabilities.publicUrl,
    server: remote.client.server,
    origins: result.origins,
  });
  return [
    ...issues.map((issue) =>
      findingOf({ ...issue, hint: rightEndpoint(remote, slug) }, 'app.endpoint_mismatch'),
    ),
    ...warnings.map((cause) => ({
      id: 'app.endpoint_mismatch' as const,
      code: undefined,
      cause,
      fix: rightEndpoint(remote, slug),
    })),
    ...place.issues.map((issue) => findingOf(issue, 'server.public_url')),
    ...place.warnings.map((cause) => ({
      id: 'server.public_url' as const,
      code: undefined,
      cause,
      fix: 'Start the server with --public-url set to the address that its users reach.',
    })),
  ];
}

function rightEndpoint({ client }: Remote, slug: string | undefined): string {
  return slug === undefined
    ? 'Correct the endpoint.'
    : `Set plugins.updater.endpoints to ${client.checkUrl(slug)}, unless this is meant.`;
}
