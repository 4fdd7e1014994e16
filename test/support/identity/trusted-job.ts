import type { NewTrustedPublisher } from '../../../src/database/queries/trusted-publishers.ts';
import { COMMIT } from './job-claims.ts';

/** A job on GitHub, as the server knows it. */
export const JOB = {
  ...{ provider: 'github', issuer: 'https://ci.example', repository: 'octo/my-app' },
  ...{ repository_id: '74', owner_id: '65', commit: COMMIT, ref: 'refs/tags/v1', workflow: 'w.yml' },
  ...{ event: 'push', run: 'https://ci.example/1', run_id: '1', actor: 'octocat', actor_id: '12' },
};

/** The publisher that jobs with `githubClaims` belong to. */
export function publisherOf(appId: string, issuer: string): NewTrustedPublisher {
  return {
    appId,
    provider: 'github',
    issuer,
    repository: 'octo/my-app',
    repositoryId: '74',
    ownerId: '65',
    workflow: '.github/workflows/release.yml',
    environment: 'release',
    refs: [],
    protectedRefs: false,
    channels: [],
  };
}
