import type { TestProject } from 'vitest/node';
import { newClusterFolder, PostgresServer, postgresIsInstalled } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the run's PostgreSQL is, or will be; empty if none is installed. */
    postgresFolder: string;
  }
}

/**
 * Called by vitest before a run, for each tier and for all. The run's PostgreSQL starts while the first files are
 * loaded.
 */
export function setup(project: TestProject): (() => Promise<void>) | undefined {
  if (!project.isRootProject()) return;
  const isNeeded = postgresIsInstalled && project.vitest.projects.some(({ name }) => name !== 'unit');
  const folder = isNeeded ? newClusterFolder() : '';
  project.provide('postgresFolder', folder);
  if (!isNeeded) return;
  const starting = PostgresServer.startIn(folder);
  starting.catch((error) => console.error(error)); // the tests that need it fail
  return async () => (await starting).stop();
}
