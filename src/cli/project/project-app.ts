import { OtaError } from '../../errors.ts';
import type { ProjectApp } from '../../publish/inspect/local-artifact.ts';
import { readCargoManifest } from '../../tauri/project/cargo-manifest.ts';
import { listTauriFolders } from '../../tauri/project/find-tauri-folder.ts';
import { TauriApps, type TauriAppsOptions } from '../../tauri/project/tauri-app.ts';

export interface ProjectAppOptions extends Pick<TauriAppsOptions, 'version' | 'overrides'> {
  readonly project: string;
}

/**
 * The app of the Tauri project in a folder, for what files that were named there are compared with. Undefined where
 * there is no Tauri project. One that cannot be read, or of which there are several, is there, but has no app.
 */
export async function findProjectApp({
  project,
  ...options
}: ProjectAppOptions): Promise<ProjectApp | undefined> {
  const folders = await listTauriFolders(project);
  const [tauriFolder] = folders;
  if (tauriFolder === undefined) return undefined;
  if (folders.length > 1) return async () => undefined;
  const manifest = await orUndefined(readCargoManifest(tauriFolder));
  const apps = new TauriApps({ tauriFolder, manifest, ...options });
  return (target) => orUndefined(apps.for(target));
}

/** Named files need nothing from the project, so they are not held up by what is wrong there. */
async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof OtaError) return undefined;
    throw error;
  }
}
