import { describe, expect, test } from 'vitest';
import { readPublisher } from '../../../../src/cli/commands/trust-options.ts';
import { OptionErrors } from '../../../../src/cli/options/option-errors.ts';

type Options = Parameters<typeof readPublisher>[0];

function read(options: Options) {
  const errors = new OptionErrors();
  const publisher = readPublisher(options, errors);
  return { publisher, message: errors.isEmpty ? undefined : errors.toError().message };
}

const GITHUB: Options = { github: 'octo/my-app', workflow: 'release.yml' };

describe('the options of apps trust', () => {
  test('name a workflow on GitHub', () => {
    expect(read(GITHUB).publisher).toEqual({
      provider: 'github',
      issuer: 'https://token.actions.githubusercontent.com',
      repository: 'octo/my-app',
      repositoryId: null,
      ownerId: null,
      workflow: '.github/workflows/release.yml',
      environment: null,
      refs: [],
      protectedRefs: false,
      channels: [],
    });
  });

  test('limit the channels', () => {
    const options = { ...GITHUB, channel: ['beta', 'nightly', 'beta'] };
    expect(read(options).publisher?.channels).toEqual(['beta', 'nightly']);
    expect(read({ ...GITHUB, channel: ['no channel'] }).message).toContain('--channel no channel');
    expect(read({ channel: ['beta'] }).message).toContain('no repository given');
  });

  test('name a project on GitLab, from protected refs only unless it is said', () => {
    expect(read({ gitlab: 'group/sub/project' }).publisher).toMatchObject({
      provider: 'gitlab',
      issuer: 'https://gitlab.com',
      repository: 'group/sub/project',
      workflow: '.gitlab-ci.yml',
      protectedRefs: true,
    });
    const options = { gitlab: 'a/b', ciConfig: 'ci/release.yml', protectedRefs: false };
    expect(read(options).publisher).toMatchObject({ workflow: 'ci/release.yml', protectedRefs: false });
  });

  test('name servers of one’s own', () => {
    const issuer = 'https://git.example.com/api/actions/';
    expect(read({ forgejo: 'octo/my-app', workflow: 'release.yml', issuer }).publisher).toMatchObject({
      provider: 'forgejo',
      issuer: 'https://git.example.com/api/actions',
      workflow: '.forgejo/workflows/release.yml',
    });
    const local = { ...GITHUB, issuer: 'http://127.0.0.1:3000' };
    expect(read(local).publisher?.issuer).toBe('http://127.0.0.1:3000');
    const gitea = {
      forgejo: 'a/b',
      workflow: '.gitea/workflows/x.yaml',
      issuer: 'https://g.example/api/actions/oidc',
    };
    expect(read(gitea)).toMatchObject({
      message: undefined,
      publisher: { workflow: '.gitea/workflows/x.yaml' },
    });
  });

  test('limit what is trusted', () => {
    const limits: Options = {
      ...GITHUB,
      ...{ environment: 'Release 1', ref: ['refs/tags/v*', 'refs/heads/main'], protectedRefs: true },
      ...{ repositoryId: '74', ownerId: '65' },
    };
    expect(read(limits)).toMatchObject({
      message: undefined,
      publisher: {
        ...{ environment: 'Release 1', refs: ['refs/tags/v*', 'refs/heads/main'], protectedRefs: true },
        ...{ repositoryId: '74', ownerId: '65' },
      },
    });
  });

  test('are left out to list what is trusted', () => {
    expect(read({})).toEqual({ publisher: undefined, message: undefined });
  });

  test.each<[Options, string]>([
    [{ workflow: 'release.yml' }, 'no repository given'],
    [{ repositoryId: '7' }, 'no repository given'],
    [{ github: 'octo/my-app' }, 'no workflow given'],
    [{ ...GITHUB, gitlab: 'a/b' }, 'give one of'],
    [{ ...GITHUB, github: 'octo' }, '--github octo'],
    [{ ...GITHUB, github: 'https://github.com/octo/my-app' }, '--github https'],
    [{ ...GITHUB, github: 'octo/my-app/x' }, '--github'],
    [{ ...GITHUB, github: '' }, '--github'],
    [{ gitlab: 'project' }, '--gitlab'],
    [{ gitlab: 'a//b' }, '--gitlab'],
    [{ forgejo: 'octo/my-app', workflow: 'x.yml' }, 'no issuer given'],
    [{ ...GITHUB, workflow: 'release' }, 'workflow release'],
    [{ ...GITHUB, workflow: '../release.yml' }, 'workflow'],
    [{ ...GITHUB, workflow: '/release.yml' }, 'workflow'],
    [{ ...GITHUB, workflow: 'a@b.yml' }, 'workflow'],
    [{ ...GITHUB, workflow: 'a//b.yml' }, 'workflow'],
    [{ ...GITHUB, ciConfig: 'x.yml' }, '--ci-config is for --gitlab'],
    [{ ...GITHUB, issuer: 'http://git.example.com' }, '--issuer'],
    [{ ...GITHUB, issuer: 'git.example.com' }, '--issuer'],
    [{ ...GITHUB, issuer: 'https://a:b@git.example.com' }, '--issuer'],
    [{ ...GITHUB, issuer: 'https://git.example.com/?x' }, '--issuer'],
    [{ ...GITHUB, repositoryId: '0' }, '--repository-id 0'],
    [{ ...GITHUB, ownerId: 'octo' }, '--owner-id octo'],
    [{ ...GITHUB, environment: '' }, '--environment'],
    [{ ...GITHUB, environment: ' x' }, '--environment'],
    [{ forgejo: 'a/b', workflow: 'x.yml', issuer: 'https://g.example', environment: 'x' }, '--environment'],
    [
      { forgejo: 'a/b', workflow: 'x.yml', issuer: 'https://g.example', protectedRefs: true },
      '--protected-refs',
    ],
    [{ ...GITHUB, ref: ['v*'] }, '--ref v*'],
    [{ ...GITHUB, ref: ['refs/pull/*'] }, '--ref'],
    [{ ...GITHUB, ref: ['refs/tags/a b'] }, '--ref'],
  ])('%j are refused', (options, expected) => {
    expect(read(options).message).toContain(expected);
  });
});
