import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { Visibility } from '../plan/visibility.ts';
import type { Publisher } from '../publisher.ts';
import { type PublishedFile, requiredFiles } from '../server-state/published-file.ts';
import { refetchRelease, requireNotDeleted, requireNotWithdrawn } from '../server-state/withdrawal.ts';
import type { UploadedFiles } from '../upload/upload-all.ts';

/** A release after its files were uploaded. */
export interface FilledRelease {
  readonly release: ReleaseResponse;
  readonly uploaded: UploadedFiles;
  readonly visibility: Visibility;
  readonly allowStranding?: boolean | undefined;
}

export interface GoLiveResult {
  readonly release: ReleaseResponse;
  /**
   * Exactly one of the jobs that upload the expected platforms has taken it live, unless a response was lost or the
   * server does not say: then every job that sees it live counts as the one.
   */
  readonly kind: 'live_by_this_run' | 'live_by_another_job' | 'not_live';
}

/**
 * Takes a draft live if this run is to do so, and otherwise reads whether it went live.
 * @throws OtaError `conflict` when it was yanked or deleted
 */
export async function goLive(publisher: Publisher, filled: FilledRelease): Promise<GoLiveResult> {
  const { release, uploaded, visibility, allowStranding } = filled;
  switch (visibility) {
    case 'at_once':
      return { kind: 'live_by_this_run', release };
    case 'on_request': {
      const going = { files: uploaded.artifacts, allowStranding };
      const live = await publishDraft(publisher, release, going);
      return { kind: 'live_by_this_run', release: live };
    }
    case 'when_expected':
    case 'later': {
      const current = await publisher.retry.run(() => refetchRelease(publisher, release));
      if (current.status === 'draft') return { kind: 'not_live', release: current };
      publisher.report({ type: 'went_live', release: current });
      const byAnother = visibility === 'later' || uploaded.wentLive === false;
      return { kind: byAnother ? 'live_by_another_job' : 'live_by_this_run', release: current };
    }
  }
}

export interface PublishDraftOptions {
  /** What it must hold. */
  readonly files: readonly PublishedFile[];
  /** Names of platforms, instead of those that the draft was created to wait for. */
  readonly expect?: readonly string[] | undefined;
  /** Extension `key-routing`: only for servers that have it. */
  readonly allowStranding?: boolean | undefined;
}

/** Extension `draft`: takes a draft live. @throws OtaError `conflict` as `goLive` */
export async function publishDraft(
  { client, retry, appId, report }: Publisher,
  { id, version }: ReleaseResponse,
  { files, expect, allowStranding }: PublishDraftOptions,
): Promise<ReleaseResponse> {
  const options = { required: requiredFiles(files), expect, allowStranding };
  const call = () => retry.run(() => client.publishRelease(appId, id, options));
  const release = requireNotWithdrawn(version, await requireNotDeleted(version, call));
  report({ type: 'went_live', release });
  return release;
}
