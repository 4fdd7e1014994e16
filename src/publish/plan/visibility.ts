import { type Checked, type Issue, type IssueId, ok, refused } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { isCustomTarget, missingNames, type Platform, parsePlatform } from '../../protocol/platform.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { type ServerState, storedPlatforms, supports } from '../server-state/server-state.ts';
import { yankedIssue } from '../server-state/withdrawal.ts';

/** When uploaded files are offered to users. */
export type Visibility =
  /** Each file as soon as it is complete: the release is already live, or the server has no drafts. */
  | 'at_once'
  /** A draft that this run takes live, all platforms at the same time. */
  | 'on_request'
  /** A draft that the server takes live once all expected platforms are uploaded. */
  | 'when_expected'
  /** A draft that stays one. */
  | 'later';

/** When a release goes live that is created now. */
export function visibilityOfNew(
  request: ReleaseRequest,
  server: Pick<ServerState, 'extensions' | 'approval'>,
): Visibility {
  if (request.expect !== undefined && supports(server, 'expect')) return 'when_expected';
  if (!supports(server, 'draft')) return 'at_once';
  return request.draft || server.approval ? 'later' : 'on_request';
}

/** When an existing release goes live, or why nothing can be added to it in the requested way. */
export function visibilityOfExisting(
  existing: ReleaseResponse,
  request: Pick<ReleaseRequest, 'draft' | 'expect'>,
  { approval }: Pick<ServerState, 'approval'> = {},
): Checked<Visibility> {
  const { version, status, expect } = existing;
  if (status === 'yanked') return refused(yankedIssue(version));
  if (status !== 'draft') return ok('at_once');
  if (expect === undefined) {
    if (request.expect === undefined) return ok(request.draft || approval ? 'later' : 'on_request');
    const hint = 'Take it live with `publish finish`, or delete it and publish again.';
    const message = `${version} is a draft that was created without --expect`;
    return conflict('release.waits_for_request', message, hint);
  }
  if (request.draft) {
    const message = `${version} goes live by itself once ${expect.join(', ')} are uploaded, and cannot stay a draft`;
    return conflict('release.waits_for_platforms', message, 'Leave --draft out, or delete the draft.');
  }
  if (request.expect === undefined || sameNames(request.expect, expect)) return ok('when_expected');
  return conflict(
    'release.waits_for_others',
    `${version} expects ${expect.join(', ')}, not ${request.expect.join(', ')}`,
    'Give every job the same --expect, or delete the draft.',
  );
}

/** Extension `approval`: files that are added to a live release would be offered without somebody else's doing. */
export function approvalIssues(
  version: string,
  isOffered: boolean,
  { approval }: Pick<ServerState, 'approval'>,
): Issue[] {
  if (!approval || !isOffered) return [];
  const message = `${version} is live, and the app requires approval, so no files can be added to it`;
  return [refusal('release.needs_approval', message, 'Publish them as a new version.')];
}

/** Whether what is to be attested can be kept. */
export function attestationIssues(
  attestor: ReleaseRequest['attestor'],
  server: Pick<ServerState, 'extensions'>,
): Issue[] {
  if (attestor === undefined || supports(server, 'attestation')) return [];
  const hint = 'Leave --attest out, or use a server with the extension attestation.';
  return [refusal('server.no_attestations', 'this server does not keep attestations', hint)];
}

/** The options of a request that need an extension which the server does not support. */
export function missingExtensionIssues(
  request: ReleaseRequest,
  artifacts: readonly Platform[],
  server: ServerState,
): Issue[] {
  const issues: Issue[] = [];
  if (request.draft && !supports(server, 'draft')) {
    const hint = 'Leave --draft out: uploaded files are live at once.';
    issues.push(refusal('server.no_drafts', 'this server does not support drafts', hint));
  }
  if ((request.channel ?? STABLE) !== STABLE && !supports(server, 'channel')) {
    const hint = 'Leave --channel out: the release is offered to everyone.';
    issues.push(refusal('server.no_channels', 'this server does not support channels', hint));
  }
  issues.push(...attestationIssues(request.attestor, server));
  if (request.requires !== undefined && !supports(server, 'key-routing')) {
    const message = `this server offers the highest release to all versions, so ${request.version} cannot require ${request.requires}`;
    const hint = 'Leave --requires out, or use a server with the extension key-routing.';
    issues.push(refusal('server.no_requires', message, hint));
  }
  if (request.rollout !== undefined && !supports(server, 'rollout')) {
    const message = 'this server offers a release to everyone, so --rollout, --over and --at have no effect';
    const hint = 'Leave them out, or use a server with the extension rollout.';
    issues.push(refusal('server.no_rollouts', message, hint));
  }
  const hasPolicy = request.mandatory || request.minimumSystem !== undefined;
  if (hasPolicy && !supports(server, 'policy')) {
    const message =
      'this server does not say how urgent an update is, so --mandatory and --minimum-system-version have no effect';
    const hint = 'Leave them out, or use a server with the extension policy.';
    issues.push(refusal('server.no_policy', message, hint));
  }
  const custom = request.expect?.filter((name) => isCustomTarget(parsePlatform(name)?.target ?? '')) ?? [];
  if (custom.length > 0 && !supports(server, 'custom-targets')) {
    const message = `this server knows no custom updater targets, and ${custom.join(', ')} is expected`;
    const hint = 'Leave it out of --expect, or use a server with the extension custom-targets.';
    issues.push(refusal('server.custom_target', message, hint));
  }
  if (request.expect !== undefined && !supports(server, 'expect')) {
    const missing = missingNames(request.expect, [...artifacts, ...storedPlatforms(server.stored)]);
    if (missing.length > 0) {
      const message = `this server cannot wait for other jobs, and ${missing.join(', ')} is expected but not part of this publish`;
      const hint = 'Publish all platforms in one run, or use a server with the extension expect.';
      issues.push(refusal('server.cannot_wait', message, hint));
    }
  }
  return issues;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted().join() === b.toSorted().join();
}

function conflict(id: IssueId, message: string, hint: string): Checked<never> {
  return refused({ id, code: 'conflict', message, hint });
}

function refusal(id: IssueId, message: string, hint: string): Issue {
  return { id, code: 'preflight_refused', message, hint };
}
