import type { JobIdentity } from '../protocol/messages.ts';
import { HOSTED_ISSUERS, type TrustedPublisher } from '../protocol/trust/trusted-publisher.ts';
import {
  anyText,
  type ClaimCheck,
  type Claims,
  commit,
  exactly,
  id,
  ignoringCase,
  oneOf,
  shown,
  textOf,
} from './claim-check.ts';
import { type ProviderRules, protectionChecks, refCheck } from './provider-rules.ts';

/**
 * Events that only someone with write access to the repository can trigger. Among the others are `pull_request`,
 * `pull_request_target`, `workflow_run` and comments, with which strangers can have their code run in a trusted workflow.
 */
const EVENTS = ['push', 'create', 'release', 'workflow_dispatch', 'repository_dispatch', 'schedule'] as const;

/**
 * GitHub Actions, also of GitHub Enterprise.
 * https://docs.github.com/en/actions/reference/security/oidc
 */
export const githubRules: ProviderRules = {
  checks: (publisher, claims) => [
    ...commonChecks(publisher, claims),
    reusableWorkflow(claims),
    id('actor_id'),
    environmentCheck(publisher),
  ],
  identify: (publisher, claims) => ({
    ...identify(publisher, claims),
    run: `${webRootOf(publisher)}/${textOf(claims, 'repository')}/actions/runs/${textOf(claims, 'run_id')}/attempts/${textOf(claims, 'run_attempt')}`,
  }),
};

/**
 * Forgejo Actions and Gitea Actions, which have no environments.
 * https://forgejo.org/docs/latest/user/actions/security-openid-connect/
 */
export const forgejoRules: ProviderRules = {
  checks: (publisher, claims) => [
    ...commonChecks(publisher, claims),
    { ...reusableWorkflow(claims), optional: true },
    id('actor_id'),
    id('run_number'),
  ],
  identify: (publisher, claims) => ({
    ...identify(publisher, claims),
    run: `${webRootOf(publisher)}/${textOf(claims, 'repository')}/actions/runs/${textOf(claims, 'run_number')}`,
  }),
};

function commonChecks(publisher: TrustedPublisher, claims: Claims): ClaimCheck[] {
  const { repository, repositoryId, ownerId, workflow } = publisher;
  const ofThisRepository = `${textOf(claims, 'repository')}/${workflow}@${textOf(claims, 'ref')}`;
  return [
    ignoringCase('repository', repository),
    id('repository_id', repositoryId),
    id('repository_owner_id', ownerId),
    exactly('workflow_ref', ofThisRepository),
    refCheck('ref', publisher),
    ...protectionChecks(publisher),
    oneOf('event_name', EVENTS),
    commit('sha'),
    id('run_id'),
    id('run_attempt'),
    anyText('actor'),
  ];
}

/** The file that the job itself stands in, which may be another one that the workflow calls: of this commit only. */
function reusableWorkflow(claims: Claims): ClaimCheck {
  const repository = textOf(claims, 'repository');
  const ref = textOf(claims, 'ref');
  return {
    claim: 'job_workflow_ref',
    expected: `a workflow of ${shown(repository)} at ${shown(ref)}`,
    accepts: (value) => value.startsWith(`${repository}/`) && value.endsWith(`@${ref}`),
  };
}

function environmentCheck({ environment }: TrustedPublisher): ClaimCheck {
  return environment === null
    ? { ...anyText('environment'), optional: true }
    : ignoringCase('environment', environment);
}

function identify(publisher: TrustedPublisher, claims: Claims): Omit<JobIdentity, 'run'> {
  const { provider, issuer, workflow } = publisher;
  const environment = textOf(claims, 'environment');
  return {
    provider,
    issuer,
    repository: textOf(claims, 'repository'),
    repository_id: textOf(claims, 'repository_id'),
    owner_id: textOf(claims, 'repository_owner_id'),
    commit: textOf(claims, 'sha'),
    ref: textOf(claims, 'ref'),
    workflow,
    ...(environment !== '' && { environment }),
    event: textOf(claims, 'event_name'),
    run_id: textOf(claims, 'run_id'),
    run_attempt: textOf(claims, 'run_attempt'),
    actor: textOf(claims, 'actor'),
    actor_id: textOf(claims, 'actor_id'),
  };
}

/** Where people find the repository: the issuer is a path below it, except for GitHub's own. */
function webRootOf({ issuer }: TrustedPublisher): string {
  if (issuer === HOSTED_ISSUERS.github) return 'https://github.com';
  return issuer.replace(/\/(?:_services\/token|api\/actions(?:\/oidc)?)$/, '');
}
