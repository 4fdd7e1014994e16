import { anyText, commit, exactly, id, ignoringCase, oneOf, textOf } from './claim-check.ts';
import { type ProviderRules, protectionChecks, refCheck } from './provider-rules.ts';

/** How pipelines start that run what is in the project itself: not for merge requests, nor for those of others. */
const SOURCES = ['push', 'web', 'schedule', 'trigger', 'api'] as const;

/**
 * GitLab CI, also of servers of one's own.
 * https://docs.gitlab.com/ci/secrets/id_token_authentication/
 */
export const gitlabRules: ProviderRules = {
  checks: (publisher, claims) => {
    const { issuer, repository, repositoryId, ownerId, workflow, environment } = publisher;
    const project = `${issuer.replace(/^https?:\/\//, '')}/${textOf(claims, 'project_path')}`;
    return [
      ignoringCase('project_path', repository),
      id('project_id', repositoryId),
      id('namespace_id', ownerId),
      exactly('ci_config_ref_uri', `${project}//${workflow}@${textOf(claims, 'ref_path')}`),
      refCheck('ref_path', publisher),
      ...protectionChecks(publisher),
      oneOf('pipeline_source', SOURCES),
      environment === null
        ? { ...anyText('environment'), optional: true }
        : exactly('environment', environment),
      commit('sha'),
      id('pipeline_id'),
      id('job_id'),
      anyText('user_login'),
      id('user_id'),
    ];
  },
  identify: ({ provider, issuer, workflow }, claims) => {
    const repository = textOf(claims, 'project_path');
    const environment = textOf(claims, 'environment');
    const pipeline = textOf(claims, 'pipeline_id');
    return {
      provider,
      issuer,
      repository,
      repository_id: textOf(claims, 'project_id'),
      owner_id: textOf(claims, 'namespace_id'),
      commit: textOf(claims, 'sha'),
      ref: textOf(claims, 'ref_path'),
      workflow,
      ...(environment !== '' && { environment }),
      event: textOf(claims, 'pipeline_source'),
      run: `${issuer}/${repository}/-/pipelines/${pipeline}`,
      run_id: pipeline,
      actor: textOf(claims, 'user_login'),
      actor_id: textOf(claims, 'user_id'),
    };
  },
};
