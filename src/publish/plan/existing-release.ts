import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { type Visibility, visibilityOfExisting } from './visibility.ts';

/** How files go live that are added to a release that is there, or every reason why they must not be added. Pure. */
export function joinRelease(
  existing: ReleaseResponse,
  request: Pick<ReleaseRequest, 'version' | 'channel' | 'draft' | 'expect'>,
  files: { readonly all: readonly LocalArtifact[]; readonly uploads: readonly unknown[] },
  server: Pick<ServerState, 'extensions'>,
): Visibility | { readonly issues: readonly Issue[] } {
  const visibility = visibilityOfExisting(existing, request);
  const issues = [
    ...(typeof visibility === 'string' ? [] : [visibility]),
    ...existingReleaseIssues(existing, request, files.all, server),
    ...(files.uploads.length > 0 && request.draft && visibility === 'at_once' ? [liveIssue(existing)] : []),
  ];
  return typeof visibility === 'string' && issues.length === 0 ? visibility : { issues };
}

/** Why files cannot be added to a release that is there, whenever it goes live. */
function existingReleaseIssues(
  existing: ReleaseResponse,
  { version, channel = STABLE }: Pick<ReleaseRequest, 'version' | 'channel'>,
  artifacts: readonly LocalArtifact[],
  server: Pick<ServerState, 'extensions'>,
): Issue[] {
  const hint = 'Publish it as a new version.';
  if (existing.version !== version) {
    const message = `${existing.version} exists, and build metadata does not make ${version} another version`;
    return [{ id: 'release.exists', code: 'conflict', message, hint }];
  }
  if (
    !supports(server, 'artifact-signature') &&
    typeof existing.signature === 'string' &&
    artifacts.some(({ signature }) => signature !== existing.signature)
  ) {
    const message = `${version} exists with another signature`;
    return [{ id: 'release.other_signature', code: 'conflict', message, hint }];
  }
  if (existing.channel !== undefined && existing.channel !== channel) {
    const message = `${version} exists in the channel ${existing.channel}, not in ${channel}`;
    const remedy = `Pass --channel ${existing.channel}, or publish a new version.`;
    return [{ id: 'release.other_channel', code: 'conflict', message, hint: remedy }];
  }
  return [];
}

/** What would be uploaded to it is offered at once. */
function liveIssue({ version }: ReleaseResponse): Issue {
  const message = `${version} is live already, and cannot be a draft`;
  return { id: 'release.live', code: 'conflict', message, hint: 'Publish it as a new version.' };
}
