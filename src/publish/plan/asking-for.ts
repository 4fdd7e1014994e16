import { closeKinds } from '../../protocol/routing/default-kinds.ts';
import { precedenceOf } from '../../protocol/version.ts';
import {
  appFilesOf,
  mergedFiles,
  type RoutedReleaseFields,
  recordedKindsOf,
  signedFilesOf,
  withRelease,
} from '../server-state/app-files.ts';
import { type AskingVersions, askAlwaysAs, askingVersions } from '../server-state/asking-versions.ts';
import { findRelease } from '../server-state/find-release.ts';
import type { PublishedFile } from '../server-state/published-file.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { liveBefore } from './previous-release.ts';

/** The versions to ask as, to see what apps get of a release once it is live. Pure. */
export function askingFor(
  release: RoutedReleaseFields,
  files: readonly PublishedFile[],
  server: Pick<ServerState, 'extensions' | 'releases' | 'deleted'>,
): AskingVersions {
  const { version } = release;
  if (!supports(server, 'key-routing')) return askAlwaysAs(liveBefore(server.releases, release)?.version);
  const others = server.releases.filter((one) => precedenceOf(one.version) !== precedenceOf(version));
  const listed = findRelease(server.releases, version);
  const signed = files.map(({ servedSignature: signature, ...file }) => ({ ...file, signature }));
  const all = mergedFiles(signed, listed === undefined ? [] : signedFilesOf(listed));
  const before = appFilesOf({ releases: others, deleted: server.deleted });
  const closed = closeKinds(all, recordedKindsOf(version, server));
  return askingVersions(withRelease(before, release, closed), release);
}
