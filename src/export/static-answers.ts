import { nameOfFile } from '../client/app-releases.ts';
import type { AppResponse, ReleaseResponse, UpdateResponse } from '../protocol/messages.ts';
import {
  ARCHS,
  BUNDLE_TYPES,
  isBundleTypeOf,
  isCustomTarget,
  type Platform,
  platformName,
  TARGETS,
  withoutBundleType,
} from '../protocol/platform.ts';
import { API_ROOT, downloadPath } from '../protocol/routes.ts';
import { sortedVersions } from '../protocol/routing/update-steps.ts';

/** A question that installed apps ask, and that a static file answers. */
export interface Cell {
  readonly channel: string;
  readonly platform: Platform;
  readonly currentVersion: string;
}

/** A file that answers lead to. */
export interface ExportedFile {
  /** Below the export's folder. */
  readonly path: string;
  /** Where the server has it: path and query. */
  readonly source: string;
  readonly size: number;
  readonly sha256: string;
}

/** What an export has to answer, by all that the server knows of an app. */
export interface Questions {
  readonly channels: readonly string[];
  readonly versions: readonly string[];
  readonly cells: readonly Cell[];
}

/**
 * Every version that was ever live, on every platform that ever had a file, in every channel. Of a platform's kinds of bundle
 * also those that never had one: an app that names its kind has to find "no update" rather than no file.
 */
export function questionsOf({ releases = [], deleted = [] }: AppResponse): Questions {
  const live = releases.filter(({ status }) => status !== 'draft');
  const files = [...live.flatMap(({ artifacts = [] }) => artifacts), ...deleted];
  const versions = sortedVersions([...live, ...deleted].map(({ version }) => version));
  const exact = new Set([...versions, ...live.map(({ version }) => version)]); // with build metadata too
  const channels = [
    ...new Set(['stable', ...[...live, ...deleted].map(({ channel = 'stable' }) => channel)]),
  ];
  const platforms = files.flatMap((file) => allKindsOf(knownPlatform(file)));
  const byName = new Map(platforms.map((one) => [platformName(one), one]));
  const cells = channels.flatMap((channel) =>
    [...byName.values()].flatMap((platform) =>
      [...exact].map((currentVersion) => ({ channel, platform, currentVersion })),
    ),
  );
  return { channels, versions: [...exact], cells };
}

/** Undefined for a platform that this version does not know. */
function knownPlatform(file: {
  readonly target: string;
  readonly arch: string;
  readonly bundle_type?: string | null | undefined;
}): Platform | undefined {
  const target = TARGETS.find((one) => one === file.target) ?? (isCustomTarget(file.target) && file.target);
  const arch = ARCHS.find((one) => one === file.arch);
  const bundleType = BUNDLE_TYPES.find((one) => one === file.bundle_type);
  return target && arch ? { target, arch, ...(bundleType && { bundleType }) } : undefined;
}

function allKindsOf(platform: Platform | undefined): Platform[] {
  if (platform === undefined) return [];
  const whole = withoutBundleType(platform);
  const kinds = BUNDLE_TYPES.filter((kind) => isBundleTypeOf(whole.target, kind));
  return [whole, ...kinds.map((bundleType) => ({ ...whole, bundleType }))];
}

/** Where the answer to a question is, below the app's folder; an app that says no bundle type finds it by `unknown` too. */
export function answerPaths({ channel, platform, currentVersion }: Cell): string[] {
  const { target, arch, bundleType } = platform;
  const folder = `${channel}/${target}/${arch}`;
  const name = `${currentVersion}.json`;
  return bundleType === undefined
    ? [`${folder}/${name}`, `${folder}/unknown/${name}`]
    : [`${folder}/${bundleType}/${name}`];
}

/** The files of all releases, by where the server has them: path and query of the download. */
export function filesBySource(slug: string, releases: readonly ReleaseResponse[]): Map<string, ExportedFile> {
  const files = new Map<string, ExportedFile>();
  for (const { id, version, artifacts = [] } of releases) {
    for (const artifact of artifacts) {
      const platform = knownPlatform(artifact);
      if (platform === undefined) continue;
      const source = downloadPath(slug, id, platform);
      const name = nameOfFile({ slug, version }, artifact, platform);
      const { sha256, file_size: size } = artifact;
      files.set(source, { path: `files/${sha256}/${name}`, source, size, sha256 });
    }
  }
  return files;
}

/** Turns URLs of the server into those of the export. */
export class StaticUrls {
  readonly #base: string;
  readonly #files: ReadonlyMap<string, ExportedFile>;
  /** What the answers so far lead to, by its path. */
  readonly referenced = new Map<string, ExportedFile>();

  /** @param base the URL of the app's folder, without a slash at the end */
  constructor(base: string, files: ReadonlyMap<string, ExportedFile>) {
    this.#base = base;
    this.#files = files;
  }

  /** @returns undefined for a file that no release has */
  urlOf(url: string): string | undefined {
    const { pathname, search } = new URL(url);
    const file = this.#files.get(pathname.slice(Math.max(0, pathname.indexOf(API_ROOT))) + search);
    if (file === undefined) return undefined;
    this.referenced.set(file.path, file);
    return `${this.#base}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
  }

  /** The answer with the URLs of the export; undefined where it leads to a file that no release has. */
  rewrite<Answer extends Pick<UpdateResponse, 'platforms'> & { readonly url?: string }>(
    answer: Answer,
  ): Answer | undefined {
    const { url, platforms } = answer;
    const own = url === undefined ? undefined : this.urlOf(url);
    const others = Object.entries(platforms ?? {}).map(
      ([name, file]) => [name, { ...file, url: this.urlOf(file.url) }] as const,
    );
    const isMissing = url !== undefined && own === undefined;
    if (isMissing || others.some(([, file]) => file.url === undefined)) return undefined;
    return {
      ...answer,
      ...(own !== undefined && { url: own }),
      ...(platforms && { platforms: Object.fromEntries(others) }),
    };
  }

  /**
   * What says "no update" where a server cannot answer 204: the version that asks, which its updater does not take for a
   * newer one. It reads the other fields all the same.
   */
  noUpdate(currentVersion: string): UpdateResponse {
    return { version: currentVersion, url: `${this.#base}/index.json`, signature: '' };
  }
}
