import { findRelease, type Release, type ReleaseKey } from '../../database/queries/releases.ts';
import { Problem } from '../../protocol/problem.ts';
import type { ValidParameters } from '../http/register-route.ts';
import type { Services } from '../services.ts';

/** The release that the path of a request names. */
export function releaseKey(params: ValidParameters<'deleteRelease'>): ReleaseKey {
  return { appId: params.app_id, releaseId: params.release_id };
}

/** @throws Problem `not_found` */
export async function requireRelease({ database }: Services, key: ReleaseKey): Promise<Release> {
  const release = await findRelease(database.queries, key);
  if (release === undefined) throw noSuchRelease();
  return release;
}

export function noSuchRelease(): Problem {
  return new Problem('not_found', 'There is no such release.');
}

export function ownUpload(): Problem {
  return new Problem(
    'approval_required',
    'The app requires approval, and this token has created the release or uploaded a file of it: somebody else takes it ' +
      'live and offers it to more apps, with another token.',
  );
}
