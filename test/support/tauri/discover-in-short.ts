import { basename, join } from 'node:path';
import { type DiscoverOptions, discoverProject } from '../../../src/tauri/discover-project.ts';
import { copyProject, write } from './tauri-project.ts';

/** A discovery in short: candidates as `linux-x86_64 deb FILE`, files left out as `FILE: reason`. */
export async function discover(project: string, options: Partial<DiscoverOptions> = {}) {
  const discovery = await discoverProject({ project, hostTarget: 'linux', ...options });
  return {
    discovery,
    found: discovery.candidates
      .map(({ target, arch, bundleType, file }) => `${target}-${arch} ${bundleType} ${basename(file)}`)
      .sort(),
    leftOut: discovery.leftOut.map(({ file, reason }) => `${basename(file)}: ${reason}`).sort(),
    issues: discovery.issues.map(({ message }) => message.replaceAll(`${project}/`, '')),
    issueIds: discovery.issues.map(({ id }) => id),
  };
}

/** A path in the bundle folder of a build without a target triple. */
export function release(project: string, path = ''): string {
  return join(project, 'src-tauri/target/release/bundle', path);
}

/** A project with a file at a path in its bundle folder, and text beside it that resembles a signature. */
export async function projectWith(path: string, content: Buffer | string): Promise<string> {
  const project = await copyProject();
  await write(release(project, path), content);
  await write(release(project, `${path}.sig`), 'signature');
  return project;
}
