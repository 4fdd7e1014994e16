import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DiscoverOptions } from '../../tauri/discover-project.ts';
import { listTauriFolders } from '../../tauri/project/find-tauri-folder.ts';
import type { DevOptions } from '../commands/dev-command.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { readOverrides } from '../project/config-overrides.ts';
import { readProjectNotes } from '../project/project-notes.ts';
import { discoverRelease } from '../project/project-release.ts';
import type { DevBuild } from './dev-build.ts';
import { makeSampleBuild } from './sample-build.ts';

export interface DevBuildOptions extends Pick<DevOptions, 'project' | 'sample' | 'config'> {
  /** For files that have to be written. */
  readonly folder: string;
  readonly environment: Environment;
  readonly askCargo?: DiscoverOptions['askCargo'];
}

/** A slug for projects with no slug in their endpoint. */
const FALLBACK_SLUG = 'rehearsal';

/**
 * Finds the last build of a Tauri project, signed or not; without a project, makes a sample.
 * @returns undefined when there is none; the reason is added to `errors`
 */
export async function findDevBuild(
  { project, sample, config, folder, environment, askCargo }: DevBuildOptions,
  errors: OptionErrors,
): Promise<DevBuild | undefined> {
  if (sample && project !== undefined) {
    errors.add('--sample and --project cannot be used together: give one');
    return undefined;
  }
  const isProject = !sample && (await listTauriFolders(project ?? '.')).length > 0;
  if (!isProject && project === undefined) return makeSampleBuild(folder);
  if (!isProject) {
    errors.add(`--project ${project} contains no Tauri project: give its folder, or try --sample`);
    return undefined;
  }
  const overrides = readOverrides({ options: { project, config }, config: {}, environment }, errors);
  const place = { project: project ?? '.' };
  const discovered = await discoverRelease(
    { ...place, version: undefined, overrides, packInto: folder, environment, askCargo },
    errors,
  );
  if (discovered === undefined) return undefined;
  const found = await errors.attemptAsync(() => readProjectNotes({ ...discovered, ...place }));
  errors.addIssues(discovered.issues);
  return {
    ...discovered,
    name: discovered.productName,
    isSample: false,
    notes: found?.notes?.text,
    slug: discovered.slugs.value[0] ?? FALLBACK_SLUG,
    configs: overrides.map(({ source, value }) =>
      existsSync(source) ? resolve(source) : JSON.stringify(value),
    ),
  };
}
