import type { Issue, IssueId } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { missingNames, type Platform } from '../../protocol/platform.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { type ServerState, storedPlatforms, supports } from '../server-state/server-state.ts';
import { yankedIssue } from '../server-state/withdrawal.ts';

/** How what is uploaded gets to users. */
export type Visibility =
  /** Each file as soon as it is complete: the release is live already, or the server knows no drafts. */
  | 'at_once'
  /** A draft, which this run takes live for all platforms at one instant. */
  | 'on_request'
  /** A draft, which the server takes live with the last of the platforms it waits for. */
  | 'when_expected'
  /** A draft that stays one. */
  | 'later';

/** How a release that is created now goes live. */
export function visibilityOfNew(
  request: ReleaseRequest,
  server: Pick<ServerState, 'extensions'>,
): Visibility {
  if (request.expect !== undefined && supports(server, 'expect')) return 'when_expected';
  if (!supports(server, 'draft')) return 'at_once';
  return request.draft ? 'later' : 'on_request';
}

/** How a release that is there goes live, or why it must not be added to as it is asked for. */
export function visibilityOfExisting(
  existing: ReleaseResponse,
  request: Pick<ReleaseRequest, 'draft' | 'expect'>,
): Visibility | Issue {
  const { version, status, expect } = existing;
  if (status === 'yanked') return yankedIssue(version);
  if (status !== 'draft') return 'at_once';
  if (expect === undefined) {
    if (request.expect === undefined) return request.draft ? 'later' : 'on_request';
    const hint = 'Take it live with `publish finish`, or delete it and publish again.';
    const message = `${version} is a draft that waits for a request, not for platforms`;
    return conflict('release.waits_for_request', message, hint);
  }
  if (request.draft) {
    const message = `${version} goes live with the last of ${expect.join(', ')}, and cannot be left a draft`;
    return conflict('release.waits_for_platforms', message, 'Leave --draft out, or delete the draft.');
  }
  if (request.expect === undefined || sameNames(request.expect, expect)) return 'when_expected';
  return conflict(
    'release.waits_for_others',
    `${version} waits for ${expect.join(', ')}, not for ${request.expect.join(', ')}`,
    'Give every job the same --expect, or delete the draft.',
  );
}

/** What of a request needs an extension that the server does not have. */
export function missingExtensionIssues(
  request: ReleaseRequest,
  artifacts: readonly Platform[],
  server: ServerState,
): Issue[] {
  const issues: Issue[] = [];
  if (request.draft && !supports(server, 'draft')) {
    const hint = 'Leave --draft out: what is uploaded is live at once.';
    issues.push(refusal('server.no_drafts', 'this server has no drafts', hint));
  }
  if ((request.channel ?? STABLE) !== STABLE && !supports(server, 'channel')) {
    const hint = 'Leave --channel out: everyone is offered the release.';
    issues.push(refusal('server.no_channels', 'this server has no channels', hint));
  }
  if (request.expect !== undefined && !supports(server, 'expect')) {
    const missing = missingNames(request.expect, [...artifacts, ...storedPlatforms(server.stored)]);
    if (missing.length > 0) {
      const message = `this server cannot wait for other jobs, and ${missing.join(', ')} is expected but not here`;
      const hint = 'Publish all platforms in one run, or use a server with that extension.';
      issues.push(refusal('server.cannot_wait', message, hint));
    }
  }
  return issues;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted().join() === b.toSorted().join();
}

function conflict(id: IssueId, message: string, hint: string): Issue {
  return { id, code: 'conflict', message, hint };
}

function refusal(id: IssueId, message: string, hint: string): Issue {
  return { id, code: 'preflight_refused', message, hint };
}
