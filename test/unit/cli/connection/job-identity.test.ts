import { describe, expect, test } from 'vitest';
import { findIdentity, identityHint } from '../../../../src/cli/connection/job-identity.ts';

const runner = {
  ACTIONS_ID_TOKEN_REQUEST_URL: 'https://runner.example/idtoken?api-version=2.0',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret',
};

describe('the identity of a CI job', () => {
  test('comes from the runner with GitHub Actions, Forgejo and Gitea', () => {
    expect(findIdentity({ GITHUB_ACTIONS: 'true', ...runner })).toEqual({
      kind: 'runner',
      address: { url: runner.ACTIONS_ID_TOKEN_REQUEST_URL, token: 'secret' },
    });
  });

  test.each([
    {},
    { GITHUB_ACTIONS: 'true' },
    { ...runner, ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' },
    { ...runner, ACTIONS_ID_TOKEN_REQUEST_URL: '' },
    { ...runner, ACTIONS_ID_TOKEN_REQUEST_URL: 'file:///etc/passwd' },
    { SYNCKIT_OTA_ID_TOKEN: ' ' },
    { SYNCKIT_OTA_ID_TOKEN_FILE: 'x', SYNCKIT_OTA_ID_TOKENS: 'x' },
  ])('is none with %j', (environment) => {
    expect(findIdentity(environment)).toBeUndefined();
  });

  test('comes from variables with GitLab CI, in the order of their numbers', () => {
    const environment = {
      SYNCKIT_OTA_ID_TOKEN_10: 'c',
      SYNCKIT_OTA_ID_TOKEN_2: 'b',
      SYNCKIT_OTA_ID_TOKEN: ' a\n',
      ...runner,
    };
    expect(findIdentity(environment)).toEqual({ kind: 'given', tokens: ['a', 'b', 'c'] });
  });

  test.each([
    [{ GITHUB_ACTIONS: 'true' }, 'id-token: write'],
    [{ GITHUB_ACTIONS: 'true', GITEA_ACTIONS: 'true' }, 'id-token: write'],
    [{ GITHUB_ACTIONS: 'true', FORGEJO_ACTIONS: 'true' }, 'enable-openid-connect: true'],
    [{ GITLAB_CI: 'true' }, 'SYNCKIT_OTA_ID_TOKEN'],
  ])('with %j: says what lets a job have one', (environment, expected) => {
    expect(identityHint(environment)).toContain(expected);
  });

  test('outside of CI there is nothing to say', () => {
    expect(identityHint({ CI: 'true' })).toBeUndefined();
  });
});
