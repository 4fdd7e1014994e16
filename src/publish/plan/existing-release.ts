import type { Fault } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseAnswer } from '../../protocol/messages.ts';
import type { LocalArtifact } from '../inspect/inspect-artifacts.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { type ServerView, supports } from '../server-state/server-state.ts';
import { type GoLive, goLiveOfExisting } from './visibility.ts';

/** How files go live that are added to a release that is there, or every reason why they must not be added. Pure. */
export function joinRelease(
  existing: ReleaseAnswer,
  request: Pick<ReleaseRequest, 'version' | 'channel' | 'draft' | 'expect'>,
  files: { readonly all: readonly LocalArtifact[]; readonly uploads: readonly unknown[] },
  server: Pick<ServerView, 'extensions'>,
): GoLive | { readonly faults: readonly Fault[] } {
  const goLive = goLiveOfExisting(existing, request);
  const faults = [
    ...(typeof goLive === 'string' ? [] : [goLive]),
    ...existingReleaseFaults(existing, request, files.all, server),
    ...(files.uploads.length > 0 && request.draft && goLive === 'at_once' ? [liveFault(existing)] : []),
  ];
  return typeof goLive === 'string' && faults.length === 0 ? goLive : { faults };
}

/** Why files cannot be added to a release that is there, whenever it goes live. */
function existingReleaseFaults(
  existing: ReleaseAnswer,
  { version, channel = STABLE }: Pick<ReleaseRequest, 'version' | 'channel'>,
  artifacts: readonly LocalArtifact[],
  server: Pick<ServerView, 'extensions'>,
): Fault[] {
  const hint = 'Publish it as a new version.';
  if (existing.version !== version) {
    const message = `${existing.version} exists, and build metadata does not make ${version} another version`;
    return [{ code: 'conflict', message, hint }];
  }
  if (
    !supports(server, 'artifact-signature') &&
    typeof existing.signature === 'string' &&
    artifacts.some(({ signature }) => signature !== existing.signature)
  ) {
    return [{ code: 'conflict', message: `${version} exists with another signature`, hint }];
  }
  if (existing.channel !== undefined && existing.channel !== channel) {
    const message = `${version} exists in the channel ${existing.channel}, not in ${channel}`;
    const remedy = `Pass --channel ${existing.channel}, or publish a new version.`;
    return [{ code: 'conflict', message, hint: remedy }];
  }
  return [];
}

/** What would be uploaded to it is offered at once. */
function liveFault({ version }: ReleaseAnswer): Fault {
  const message = `${version} is live already, and cannot be a draft`;
  return { code: 'conflict', message, hint: 'Publish it as a new version.' };
}
