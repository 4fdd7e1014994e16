import type { RunnerAddress } from '../../client/identity/identity-source.ts';
import type { Environment } from '../environment.ts';

/** Where this job gets identity tokens from. */
export type IdentityOrigin =
  | { readonly kind: 'runner'; readonly address: RunnerAddress }
  | { readonly kind: 'given'; readonly tokens: readonly string[] };

/** A variable with an identity token that GitLab was configured to give the job; more are numbered. */
export const ID_TOKEN_VARIABLE = /^SYNCKIT_OTA_ID_TOKEN(?:_(\d{1,3}))?$/;

/** Undefined outside of CI, and for a job that may have no identity token. */
export function findIdentity(environment: Environment): IdentityOrigin | undefined {
  const tokens = givenTokens(environment);
  return tokens.length > 0 ? { kind: 'given', tokens } : findRunner(environment);
}

/** The same for Sigstore, which has another audience. */
export function findSigstoreIdentity(environment: Environment): IdentityOrigin | undefined {
  const token = environment.SIGSTORE_ID_TOKEN?.trim();
  return token ? { kind: 'given', tokens: [token] } : findRunner(environment);
}

function findRunner(environment: Environment): Extract<IdentityOrigin, { kind: 'runner' }> | undefined {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = '' } = environment;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url) || token === '') return undefined;
  return { kind: 'runner', address: { url, token } };
}

/**
 * What lets a job of this CI system have an identity token; undefined outside of those that are known.
 * @param gitlab the variable that GitLab puts it into, and its audience
 */
export function identityHint(
  environment: Environment,
  gitlab = "SYNCKIT_OTA_ID_TOKEN: aud:` with the server's address",
): string | undefined {
  const { FORGEJO_ACTIONS, GITEA_ACTIONS, GITHUB_ACTIONS, GITLAB_CI } = environment;
  if (FORGEJO_ACTIONS === 'true') return 'give the job `enable-openid-connect: true`';
  if (GITEA_ACTIONS === 'true' || GITHUB_ACTIONS === 'true') {
    return 'give the job `permissions: id-token: write`';
  }
  if (GITLAB_CI === 'true') {
    return `give the job \`id_tokens: ${gitlab}`;
  }
  return undefined;
}

/** In the order of their numbers. */
export function givenTokens(environment: Environment): string[] {
  return Object.keys(environment)
    .map((name) => ({ name, match: ID_TOKEN_VARIABLE.exec(name) }))
    .filter(({ match }) => match !== null)
    .sort((a, b) => Number(a.match?.[1] ?? 0) - Number(b.match?.[1] ?? 0))
    .map(({ name }) => environment[name]?.trim() ?? '')
    .filter((token) => token !== '');
}
