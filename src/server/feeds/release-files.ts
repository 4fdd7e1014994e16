import { filesOfVersion, type ReleasedFile } from '../../database/queries/artifact-digests.ts';
import type { Queries } from '../../database/schema.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { ARCHS, TARGETS } from '../../protocol/platform.ts';
import { isMainFile } from '../../protocol/routing/default-kinds.ts';
import { isVersion } from '../../protocol/version.ts';
import { downloadName } from '../http/download-name.ts';
import type { FeedRelease } from './feed-release.ts';

/** A file that a feed leads to. */
export interface FeedFile extends ReleasedFile {
  /** What it is saved as. */
  readonly name: string;
  /** What its platform is offered. */
  readonly update: UpdateResponse;
}

export interface AppRelease {
  readonly appId: string;
  readonly release: FeedRelease;
}

/** The files of what is offered, the main one of each platform first. Empty if the release was deleted since. */
export async function releaseFiles(db: Queries, { appId, release }: AppRelease): Promise<FeedFile[]> {
  const { version, updates } = release;
  const files = await filesOfVersion(db, { appId, version });
  const found = updates.flatMap(({ platform: { target, arch, bundleType }, update }) => {
    const file = files.find(
      (one) =>
        one.target === target &&
        one.arch === arch &&
        (bundleType === undefined ? isMainFile(one) : one.bundleType === bundleType),
    );
    return file === undefined ? [] : [{ ...file, update, name: nameOf(file) }];
  });
  return found.filter(({ artifactId }, i) => found.findIndex((one) => one.artifactId === artifactId) === i);
}

/** The file of a version that is called so, and is for the arch. */
export async function fileCalled(
  db: Queries,
  asked: { readonly appId: string; readonly version: string; readonly arch: string; readonly name: string },
): Promise<ReleasedFile | undefined> {
  const files = await filesOfVersion(db, asked);
  return files.find((file) => file.arch === asked.arch && nameOf(file) === asked.name);
}

/** The package of a version that Velopack asks for by the name that its feed gives it. */
export async function velopackPackage(
  db: Queries,
  { appId, name }: { readonly appId: string; readonly name: string },
): Promise<ReleasedFile | undefined> {
  const [, version = '', target, arch] = VELOPACK_NAME.exec(name) ?? [];
  if (!isVersion(version)) return undefined;
  const files = await filesOfVersion(db, { appId, version });
  const ofArch = files.filter((file) => file.arch === arch && isMainFile(file));
  const called = (wanted: string) => ofArch.find((file) => file.target === wanted);
  return called(`${target}-velopack`) ?? called(`${target}`);
}

const VELOPACK_NAME = new RegExp(`^(.+)-(${TARGETS.join('|')})-(${ARCHS.join('|')})-full\\.nupkg$`);

/** Without the slug, which may change. */
function nameOf(file: ReleasedFile): string {
  return downloadName({ ...file, slug: null });
}
