import { globSync, readFileSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { S3_ENVIRONMENT } from './support/s3/s3-credentials.ts';

const ROOT = new URL('..', import.meta.url).pathname;

/** Tests that are declared for every store. Commits run them on two pairs, and every night on the others too. */
const ON_EVERY_STORE = globSync('test/{contract,conformance,e2e}/**/*.test.ts', { cwd: ROOT }).filter(
  (file) => /\bdescribeOn(EachStore|S3|Ceph)\(/.test(readFileSync(`${ROOT}${file}`, 'utf8')),
);

/** docs/contributing/testing.md says what belongs where. */
const TIERS: readonly NonNullable<TestProjectInlineConfiguration['test']>[] = [
  {
    name: 'unit',
    include: ['test/{unit,architecture,support}/**/*.test.ts'],
    setupFiles: ['test/support/process/refuse-spawn.ts'],
    isolate: false,
  },
  { name: 'contract', include: ['test/contract/**/*.test.ts'] },
  { name: 'conformance', include: ['test/conformance/**/*.test.ts'] },
  { name: 'e2e', include: ['test/e2e/**/*.test.ts'] },
  { name: 'web', include: ['test/web/**/*.test.ts'] },
  {
    name: 'stores',
    include: ON_EVERY_STORE,
    setupFiles: ['test/support/server/only-on-stores.ts'],
    provide: { stores: 'others' },
  },
  {
    name: 'tauri-client',
    include: ['test/tauri-client/**/*.test.ts'],
    globalSetup: ['test/tauri-client/build-clients.ts'],
    testTimeout: 120_000,
  },
  { name: 'reliability', include: ['test/reliability/**/*.test.ts'], provide: { stores: 'all' } },
];

export default defineConfig({
  root: ROOT,
  test: {
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    unstubEnvs: true,
    setupFiles: ['test/support/process/patience.ts'],
    expect: { poll: { timeout: 20_000 } },
    globalSetup: ['test/support/s3/shared-ceph.ts', 'test/support/postgres/shared-postgres.ts'],
    provide: { stores: 'pairs' },
    tags: [{ name: 'store', description: 'runs on one of the stores that a server can have' }],
    env: S3_ENVIRONMENT,
    projects: TIERS.map((test) => ({ extends: true, test })),
  },
});
