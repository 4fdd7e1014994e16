import { STABLE } from '../../protocol/channel.ts';
import { type Platform, withoutBundleType } from '../../protocol/platform.ts';
import { downloadPath, pathOf, type RouteName, type RouteParameters, routes } from '../../protocol/routes.ts';
import { partsOf } from '../../protocol/upload/multipart.ts';
import type { AskingVersions } from '../server-state/asking-versions.ts';
import type { Plan } from './plan.ts';
import type { PlannedArtifact } from './planned-artifact.ts';

/** Placeholders for ids and URLs that only the server's responses will contain. */
const RELEASE_ID = '{release_id}';
const UPLOAD_URL = '{upload_url}';
const PART_URL = '{part_url}';
const UPLOAD_ID = '{upload_id}';
const STORAGE_URL = '{storage_url}';

export interface RequestPreviewOptions {
  readonly appId: string;
  readonly version: string;
  readonly channel?: string | undefined;
  readonly askAs: AskingVersions;
  /** Extension `paging`: whether one release can be asked for. */
  readonly isPaged: boolean;
  /** Extension `manifest`: whether what is kept of the release is read at the end. */
  readonly reviewsManifest: boolean;
  /** What is signed about the release. */
  readonly signs: readonly ('putManifest' | 'putAttestation')[];
}

/**
 * The requests that executing a plan sends if nothing fails, as `METHOD path`, in order. Where the server takes the
 * release live by itself, the job that happens to be the last also verifies all files, which is not known before. Pure.
 */
export function previewRequests(plan: Plan, options: RequestPreviewOptions): string[] {
  const { newSlug, newNotes, slug, release, visibility, artifacts, releaseChange } = plan;
  const app = { app_id: options.appId };
  const releaseId = release.kind === 'existing' ? release.existing.id : RELEASE_ID;
  const inRelease = { ...app, release_id: releaseId };
  const uploads = artifacts.filter(({ action }) => action === 'upload');
  const lookUp = line('listReleases', app) + (options.isPaged ? `?release=${releaseId}` : '');
  const live = visibility === 'at_once' || visibility === 'on_request';
  const requestGrant = line('createArtifact', inRelease);
  const send = ({ completed, body, size }: PlannedArtifact) => [
    body.multipart ? `PUT ${PART_URL} (${partsOf(size).length} parts)` : `PUT ${UPLOAD_URL}`,
    ...(completed ? [line('completeUpload', { ...inRelease, upload_id: UPLOAD_ID })] : []),
  ];
  return [
    ...(newSlug === undefined ? [] : [line('setSlug', app)]),
    ...(release.kind === 'existing' ? [] : [line('createRelease', app)]),
    ...(newNotes === undefined ? [] : [line('updateRelease', inRelease)]),
    ...(releaseChange === undefined ? [] : [line('updateRelease', inRelease)]),
    ...(uploads.length === 0 ? [] : options.signs.map((name) => line(name, inRelease))),
    ...(visibility === 'when_expected' // all grants are requested before the first upload
      ? [...uploads.map(() => requestGrant), ...uploads.flatMap(send)]
      : uploads.flatMap((artifact) => [requestGrant, ...send(artifact)])),
    ...(visibility === 'on_request' ? [line('publishRelease', inRelease)] : []),
    ...(visibility === 'when_expected' || visibility === 'later' ? [lookUp] : []),
    ...(live && slug !== undefined
      ? artifacts.flatMap((platform) => verification({ platform, slug, releaseId }, options))
      : []),
    ...(options.reviewsManifest ? [line('readManifest', inRelease)] : []),
  ];
}

type VerifiedPlatform = Platform & Pick<PlannedArtifact, 'onlyByType'>;

/** The requests of an installed app on a platform: on the previous version, and on the new one. */
function verification(
  { platform, slug, releaseId }: { platform: VerifiedPlatform; slug: string; releaseId: string },
  { version, channel, askAs }: RequestPreviewOptions,
): string[] {
  const check = (from: string, { target, arch, bundleType }: Platform) => {
    const query = new URLSearchParams({
      ...(channel && channel !== STABLE && { channel }), // as apps without a channel ask
      ...(bundleType && { bundle_type: bundleType }),
    });
    const path = line('check', { slug, target, arch, current_version: from });
    return query.size > 0 ? `${path}?${query}` : path;
  };
  const checkAs = (one: Platform) => {
    const asking = askAs(one);
    return asking.kind === 'no_version' ? [] : [check(asking.version, one)];
  };
  const offered = checkAs(platform);
  return [
    ...offered,
    ...(offered.length === 0 || platform.bundleType === undefined || platform.onlyByType
      ? []
      : checkAs(withoutBundleType(platform))),
    ...(offered.length === 0 ? [] : [check(version, platform)]),
    `GET ${readable(downloadPath(slug, releaseId, platform))}`,
    `GET ${STORAGE_URL}`,
  ];
}

function line<Name extends RouteName>(name: Name, parameters: RouteParameters<Name>): string {
  return `${routes[name].method} ${readable(pathOf(name, parameters))}`;
}

/** A path as people read it, with the placeholders' braces. */
function readable(path: string): string {
  return path.replaceAll('%7B', '{').replaceAll('%7D', '}');
}
