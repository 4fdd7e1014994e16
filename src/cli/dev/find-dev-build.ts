import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import type { LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import { listTauriFolders } from '../../tauri/project/find-tauri-folder.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { discoverRelease } from '../project/project-release.ts';
import { makeSampleBuild } from './sample-build.ts';

/** What a rehearsal publishes. */
export interface DevBuild {
  readonly name: string;
  readonly isSample: boolean;
  /** Its own, which the app that is to be updated has too. */
  readonly version: string;
  readonly slug: string;
  readonly notes: string | undefined;
  readonly artifacts: readonly ArtifactInput[];
  readonly leftOut: readonly LeftOut[];
}

export interface DevBuildOptions {
  /** Here, when undefined; and where that is no Tauri project, the sample. */
  readonly project?: string;
  readonly sample?: boolean;
}

/** A slug for projects whose endpoint names none. */
const FALLBACK_SLUG = 'rehearsal';

/**
 * Finds the last build of a Tauri project, signed or not, or makes up a sample.
 * @param folder for what has to be written
 * @returns undefined when there is none; why is among the problems
 */
export async function findDevBuild(
  { project, sample = false }: DevBuildOptions,
  folder: string,
  problems: OptionErrors,
): Promise<DevBuild | undefined> {
  if (sample && project !== undefined) {
    problems.add('--sample and --project exclude each other: give one');
    return undefined;
  }
  const isProject = !sample && (await listTauriFolders(project ?? '.')).length > 0;
  if (!isProject && project === undefined) return makeSampleBuild(folder);
  if (!isProject) {
    problems.add(`--project ${project} holds no Tauri project: name its folder, or try --sample`);
    return undefined;
  }
  const discovered = await discoverRelease(
    { project: project ?? '.', version: undefined, packInto: folder },
    problems,
  );
  if (discovered === undefined) return undefined;
  problems.addIssues(discovered.issues);
  return {
    ...discovered,
    name: discovered.productName,
    isSample: false,
    slug: discovered.slug ?? FALLBACK_SLUG,
  };
}
