import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { Visibility } from '../plan/visibility.ts';
import type { Publisher } from '../publisher.ts';
import { requiredOf } from '../server-state/published-file.ts';
import { findKept, requireKept, whileThere } from '../server-state/withdrawal.ts';
import type { Uploaded } from '../upload/upload-all.ts';

/** A release whose files are uploaded, as it is from here on. */
export interface Filled {
  readonly release: ReleaseResponse;
  /**
   * Who took it live. Exactly one of the jobs that bring its expected platforms has done it, unless an answer was lost
   * or the storage does not tell: then every job that sees it live takes it for its own.
   */
  readonly live: 'by_this_run' | 'by_another_job' | 'not_yet';
}

/**
 * Takes a draft live that is to go live now, and looks at one that others may have taken live.
 * @throws OtaError `conflict` when it was yanked or deleted meanwhile
 */
export async function goLive(
  publisher: Publisher,
  release: ReleaseResponse,
  uploaded: Uploaded,
  visibility: Visibility,
): Promise<Filled> {
  switch (visibility) {
    case 'at_once':
      return { release, live: 'by_this_run' };
    case 'on_request':
      return told(publisher, { release: await request(publisher, release, uploaded), live: 'by_this_run' });
    case 'when_expected':
    case 'later': {
      const current = await publisher.retry.run(() => findKept(publisher, release));
      if (current.status === 'draft') return { release: current, live: 'not_yet' };
      const byAnother = visibility === 'later' || uploaded.wentLive === false;
      return told(publisher, { release: current, live: byAnother ? 'by_another_job' : 'by_this_run' });
    }
  }
}

async function request(
  { client, retry, appId }: Publisher,
  { id, version }: ReleaseResponse,
  { artifacts }: Uploaded,
): Promise<ReleaseResponse> {
  const publishRelease = () => client.publishRelease(appId, id, requiredOf(artifacts));
  return requireKept(version, await whileThere(version, () => retry.run(publishRelease)));
}

function told({ report }: Publisher, filled: Filled): Filled {
  report({ type: 'went_live', release: filled.release });
  return filled;
}
