import { randomUUID } from 'node:crypto';

/** When the tokens were issued: as the clock of a test server stands. */
const ISSUED_AT = Date.parse('2026-03-13T12:00:00Z') / 1000;

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** The claims of a job on GitHub, as https://docs.github.com/en/actions/reference/security/oidc has them. */
export function githubClaims(issuer: string, audience: string, at = ISSUED_AT): Record<string, unknown> {
  return {
    jti: randomUUID(),
    sub: 'repo:octo@65/my-app@74:environment:release',
    aud: audience,
    ref: 'refs/tags/v1.0.0',
    sha: COMMIT,
    repository: 'octo/my-app',
    repository_owner: 'octo',
    repository_owner_id: '65',
    run_id: '9001',
    run_number: '10',
    run_attempt: '2',
    repository_visibility: 'private',
    repository_id: '74',
    actor_id: '12',
    actor: 'octocat',
    workflow: 'Release',
    head_ref: '',
    base_ref: '',
    event_name: 'push',
    ref_protected: 'false',
    ref_type: 'tag',
    environment: 'release',
    workflow_ref: 'octo/my-app/.github/workflows/release.yml@refs/tags/v1.0.0',
    workflow_sha: COMMIT,
    job_workflow_ref: 'octo/my-app/.github/workflows/release.yml@refs/tags/v1.0.0',
    job_workflow_sha: COMMIT,
    runner_environment: 'github-hosted',
    iss: issuer,
    nbf: at - 300,
    exp: at + 300,
    iat: at,
  };
}

/** Those of a job on GitLab: https://docs.gitlab.com/ci/secrets/id_token_authentication/ */
export function gitlabClaims(issuer: string, audience: string, at = ISSUED_AT): Record<string, unknown> {
  return {
    namespace_id: '72',
    namespace_path: 'octo/apps',
    project_id: '20',
    project_path: 'octo/apps/my-app',
    user_id: '1',
    user_login: 'sample-user',
    user_email: 'sample-user@example.com',
    pipeline_id: '574',
    pipeline_source: 'push',
    job_id: '302',
    ref: 'v1.0.0',
    ref_type: 'tag',
    ref_path: 'refs/tags/v1.0.0',
    ref_protected: 'true',
    environment: 'production',
    environment_protected: 'true',
    deployment_tier: 'production',
    runner_id: 1,
    runner_environment: 'self-hosted',
    sha: COMMIT,
    project_visibility: 'public',
    ci_config_ref_uri: `${new URL(issuer).host}/octo/apps/my-app//.gitlab-ci.yml@refs/tags/v1.0.0`,
    ci_config_sha: COMMIT,
    jti: randomUUID(),
    iss: issuer,
    iat: at,
    nbf: at - 5,
    exp: at + 3600,
    sub: 'project_path:octo/apps/my-app:ref_type:tag:ref:v1.0.0',
    aud: audience,
  };
}

/** Those of a job on Forgejo. */
export function forgejoClaims(issuer: string, audience: string, at = ISSUED_AT): Record<string, unknown> {
  return {
    jti: randomUUID(),
    iss: issuer,
    aud: audience,
    sub: 'repo:octo-65/my-app-74:ref:refs/tags/v1.0.0',
    actor: 'octocat',
    actor_id: '12',
    event_name: 'push',
    ref: 'refs/tags/v1.0.0',
    ref_protected: 'false',
    ref_type: 'tag',
    repository: 'octo/my-app',
    repository_id: '74',
    repository_owner: 'octo',
    repository_owner_id: '65',
    run_attempt: '1',
    run_id: '792',
    run_number: '188',
    sha: COMMIT,
    workflow: 'release.yml',
    workflow_ref: 'octo/my-app/.forgejo/workflows/release.yml@refs/tags/v1.0.0',
    iat: at,
    exp: at + 300,
  };
}
