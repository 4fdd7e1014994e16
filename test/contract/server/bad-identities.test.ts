import { SignJWT, UnsecuredJWT } from 'jose';
import { expect, test } from 'vitest';
import { COMMIT, forgejoClaims, gitlabClaims } from '../../support/identity/job-claims.ts';
import { AUDIENCE, startTrustedWorld, type TrustedWorld } from '../../support/identity/trusted-world.ts';

/* R48: none of these is exchanged for a token, and each is refused for the claim that is wrong. */

const NOW = Date.parse('2026-03-13T12:00:00Z') / 1000;

/** A token that is refused: what is wrong with its claims, and the claims that the refusal names. */
type BadClaims = readonly [name: string, change: Record<string, unknown>, refused: readonly string[]];

/** Everything that one claim can be instead of the right text. */
function wrongTexts(claim: string, others: readonly unknown[] = [], refused = [claim]): BadClaims[] {
  const values = [undefined, '', null, 7, true, [], {}, ['x'], 'x'.repeat(2000), ...others];
  return values.map((value) => [
    `${claim}: ${JSON.stringify(value)?.slice(0, 40)}`,
    { [claim]: value },
    refused,
  ]);
}

const GITHUB: readonly BadClaims[] = [
  ...wrongTexts(
    'repository',
    ['octo/other', 'other/my-app', 'octo/my-app ', 'octo/my-app/..', 'octo/my-app\u0000'],
    ['repository', 'workflow_ref', 'job_workflow_ref'],
  ),
  ...wrongTexts('repository_id', ['75', '074', ' 74', '74 ', '7.4e1', '0', '-74']),
  ...wrongTexts('repository_owner_id', ['66', '6', '65\n']),
  ...wrongTexts('workflow_ref', [
    'octo/my-app/.github/workflows/other.yml@refs/tags/v1.0.0',
    'octo/my-app/.github/workflows/release.yml@refs/heads/main',
    'octo/my-app/.github/workflows/release.yml',
    'octo/other/.github/workflows/release.yml@refs/tags/v1.0.0',
    'octo/my-app/.github/workflows/../release.yml@refs/tags/v1.0.0',
    'octo/my-app/.github/workflows/release.yml@x@refs/tags/v1.0.0',
    'octo/my-app/.github/workflows/RELEASE.yml@refs/tags/v1.0.0',
  ]),
  ...wrongTexts('job_workflow_ref', [
    'evil/shared/.github/workflows/release.yml@refs/tags/v1.0.0',
    'octo/my-app-2/.github/workflows/release.yml@refs/tags/v1.0.0',
    'octo/my-app/.github/workflows/build.yml@refs/heads/main',
  ]),
  ...wrongTexts('environment', ['staging', 'release2', 'release ']),
  ...wrongTexts('event_name', [
    ...['pull_request', 'pull_request_target', 'workflow_run', 'issue_comment', 'pull_request_review'],
    ...['issues', 'fork', 'watch', 'merge_group', 'workflow_call', 'PUSH', 'push '],
  ]),
  ...wrongTexts('sha', ['main', COMMIT.toUpperCase(), COMMIT.slice(1), `${COMMIT}0`]),
  ...wrongTexts('run_id', ['0', 'x', '-1', '1.5']),
  ...wrongTexts('run_attempt', ['0', 'first']),
  ...wrongTexts('actor'),
  ...wrongTexts('actor_id', ['octocat']),
  ...wrongTexts('jti', ['tab\there', 'ünïcode', 'nul\u0000']),
  ...['', null, 7, [], [AUDIENCE], [AUDIENCE, 'https://other.example'], {}, undefined].map(
    (aud): BadClaims => [`aud: ${JSON.stringify(aud)}`, { aud }, ['aud']],
  ),
  ...[
    'https://other.example',
    `${AUDIENCE}/`,
    'synckit-ota',
    'https://github.com/octo',
    'HTTPS://updates.example.com',
  ].map((aud): BadClaims => [`aud: ${aud}`, { aud }, ['aud']]),
  ...[undefined, null, '', 'https://evil.example', 7, [], {}].map(
    (iss): BadClaims => [`iss: ${JSON.stringify(iss)}`, { iss }, ['iss']],
  ),
  ['expired', { exp: NOW - 31 }, ['exp']],
  ['long expired', { iat: NOW - 7200, nbf: NOW - 7200, exp: NOW - 3600 }, ['exp']],
  ['exp before iat', { iat: NOW + 20, exp: NOW + 10 }, ['exp']],
  ['exp at the end of time', { exp: 1e300 }, ['exp']],
  ['issued in the future', { iat: NOW + 60, exp: NOW + 300 }, ['iat']],
  ['valid in the future', { nbf: NOW + 60 }, ['nbf']],
  ...['exp', 'iat', 'nbf'].flatMap((claim): BadClaims[] =>
    [undefined, null, '', String(NOW + 300), true, [], {}].map((value) => [
      `${claim}: ${JSON.stringify(value)}`,
      { [claim]: value },
      [claim],
    ]),
  ),
  [
    'a pull request',
    {
      event_name: 'pull_request',
      ref: 'refs/pull/1/merge',
      workflow_ref: 'octo/my-app/.github/workflows/release.yml@refs/pull/1/merge',
      job_workflow_ref: 'octo/my-app/.github/workflows/release.yml@refs/pull/1/merge',
    },
    ['ref', 'event_name'],
  ],
  [
    'a fork of the same name',
    { repository: 'evil/my-app', repository_id: '99', repository_owner_id: '98' },
    ['repository', 'repository_id', 'repository_owner_id', 'workflow_ref', 'job_workflow_ref'],
  ],
  ['a repository that was registered again under the name', { repository_id: '1074' }, ['repository_id']],
  [
    'an owner that was registered again under the name',
    { repository_owner_id: '1065' },
    ['repository_owner_id'],
  ],
  [
    'the repository under a new name',
    {
      repository: 'octo/renamed',
      workflow_ref: 'octo/renamed/.github/workflows/release.yml@refs/tags/v1.0.0',
      job_workflow_ref: 'octo/renamed/.github/workflows/release.yml@refs/tags/v1.0.0',
    },
    ['repository'],
  ],
  [
    'only a sub that would be right',
    { repository: 'evil/app', sub: 'repo:octo/my-app:environment:release' },
    ['repository', 'workflow_ref', 'job_workflow_ref'],
  ],
];

async function expectRefused(world: TrustedWorld, name: string, token: string, fields: readonly string[]) {
  const response = await world.exchange(token);
  expect.soft(response.statusCode, name).toBe(403);
  const { code, errors = [], detail } = response.json();
  expect.soft(code, name).toBe('identity_refused');
  expect
    .soft(
      errors.map(({ field }: { field: string }) => field),
      `${name}: ${detail}`,
    )
    .toEqual(fields);
  for (const part of token.split('.'))
    if (part.length > 8) expect.soft(response.body, name).not.toContain(part);
}

async function expectNoTokens({ server, app }: TrustedWorld) {
  const tokens = await server.database.queries.selectFrom('tokens').selectAll().execute();
  expect(tokens.map(({ app_id, publisher_id }) => [app_id, publisher_id])).toEqual([[app.id, null]]);
  expect(await server.database.queries.selectFrom('used_identities').selectAll().execute()).toEqual([]);
}

test('R48: of GitHub no token is accepted that has a claim missing, empty, of another type or of another value', async () => {
  const world = await startTrustedWorld();
  expect(GITHUB.length).toBeGreaterThan(150);
  for (const [name, change, fields] of GITHUB)
    await expectRefused(world, name, await world.sign(change), fields);
  await expectNoTokens(world);
  expect((await world.exchange(await world.sign())).statusCode).toBe(200);
});

test('R48: of GitHub refs and protection count where the publisher is limited to them', async () => {
  const world = await startTrustedWorld({
    refs: ['refs/tags/v*', 'refs/heads/release/**'],
    protectedRefs: true,
  });
  const at = (ref: unknown, others: object = {}): Record<string, unknown> => ({
    ref,
    ref_protected: 'true',
    workflow_ref: `octo/my-app/.github/workflows/release.yml@${ref}`,
    job_workflow_ref: `octo/my-app/.github/workflows/release.yml@${ref}`,
    ...others,
  });
  for (const ref of ['refs/heads/main', 'refs/tags/x', 'refs/tags/v1/2', 'refs/heads/release', 'v1.0.0']) {
    await expectRefused(world, ref, await world.sign(at(ref)), ['ref']);
  }
  for (const value of [undefined, '', 'false', 'True', true, 1]) {
    const token = await world.sign(at('refs/tags/v1', { ref_protected: value }));
    await expectRefused(world, `ref_protected: ${value}`, token, ['ref_protected']);
  }
  await expectNoTokens(world);
  for (const ref of ['refs/tags/v1', 'refs/heads/release/1/x']) {
    expect((await world.exchange(await world.sign(at(ref)))).statusCode, ref).toBe(200);
  }
});

test('R48: no token is accepted that is not signed by a key of the issuer', async () => {
  const world = await startTrustedWorld();
  const { issuer, claims } = world;
  const good = await world.sign();
  const [header = '', payload = '', signature = ''] = good.split('.');
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwk = await issuer.publicKey();
  const secret = Buffer.from(JSON.stringify(jwk));
  const hs = (alg: string, key: Uint8Array) =>
    new SignJWT(claims()).setProtectedHeader({ alg, kid: 'key-1' }).sign(key);
  const other = await startTrustedWorld();
  const stolen = await other.issuer.sign(claims(), { kid: 'key-1' });
  const withHeader = (fields: object) =>
    `${encoded({ alg: 'RS256', kid: 'key-1', ...fields })}.${payload}.${signature}`;
  const bad: readonly (readonly [string, string, readonly string[]])[] = [
    ['alg none', new UnsecuredJWT(claims()).encode(), ['alg']],
    ['alg none with a kid', `${encoded({ alg: 'none', kid: 'key-1' })}.${payload}.`, ['alg']],
    ['alg None', withHeader({ alg: 'None' }), ['alg']],
    ['HS256 with the public key as the secret', await hs('HS256', secret), ['alg']],
    [
      'HS256 with the modulus as the secret',
      await hs('HS256', Buffer.from(String(jwk.n), 'base64url')),
      ['alg'],
    ],
    ['HS512', await hs('HS512', secret), ['alg']],
    ['no alg', `${encoded({ kid: 'key-1' })}.${payload}.${signature}`, ['alg']],
    ['an alg of another type', withHeader({ alg: ['RS256'] }), ['alg']],
    ['another alg of the key', withHeader({ alg: 'PS256' }), ['alg']],
    ['an alg of another key type', withHeader({ alg: 'ES256' }), ['alg']],
    ['no kid', withHeader({ kid: undefined }), ['kid']],
    ['an empty kid', withHeader({ kid: '' }), ['kid']],
    ['a kid of another type', withHeader({ kid: 7 }), ['kid']],
    ['an unknown kid', withHeader({ kid: 'key-2' }), ['kid']],
    ['a kid that every object has', withHeader({ kid: 'constructor' }), ['kid']],
    ['a key of its own', withHeader({ jwk: { kty: 'RSA', n: 'x', e: 'AQAB' } }), ['signature']],
    ['a JWKS of its own', withHeader({ jku: `${other.issuer.url}/keys` }), ['signature']],
    ['a certificate of its own', withHeader({ x5u: `${other.issuer.url}/cert` }), ['signature']],
    ['an extension that is critical', withHeader({ crit: ['x'], x: 1 }), ['token']],
    ['a key of another issuer', stolen, ['signature']],
    [
      'other claims',
      `${header}.${encoded({ ...claims(), repository_id: '74' })}.${signature}`,
      ['signature'],
    ],
    ['another signature', `${header}.${payload}.${'A'.repeat(signature.length)}`, ['signature']],
    ['no signature', `${header}.${payload}.`, ['signature']],
    ['a signature that is cut off', `${header}.${payload}.${signature.slice(0, -4)}`, ['signature']],
    ['two parts', `${header}.${payload}`, ['token']],
    ['four parts', `${good}.x`, ['token']],
    ['five parts', `${good}.x.y`, ['token']],
    ['no JSON', 'a.b.c', ['token']],
    ['no token', '...', ['token']],
    ['a list of claims', `${header}.${encoded([claims()])}.${signature}`, ['token']],
  ];
  for (const [name, token, fields] of bad) await expectRefused(world, name, token, fields);
  await expectNoTokens(world);
  expect(other.issuer.requests).toEqual([]);
  expect(new Set(issuer.requests)).toEqual(new Set(['/.well-known/openid-configuration', '/keys']));
});

test('what is no identity token at all is an invalid request', async () => {
  const world = await startTrustedWorld();
  for (const token of ['', 'with blank', 'x'.repeat(20_000), 7, null, undefined, {}, ['x']]) {
    const response = await world.exchange(token as string);
    expect(response.statusCode, String(token)).toBe(400);
    expect(response.json().code).toBe('invalid_request');
  }
});

test('R48: of GitLab no token is accepted that has a claim missing, empty, of another type or of another value', async () => {
  const world = await startTrustedWorld({
    provider: 'gitlab',
    repository: 'octo/apps/my-app',
    repositoryId: '20',
    ownerId: '72',
    workflow: '.gitlab-ci.yml',
    environment: 'production',
    protectedRefs: true,
  });
  const { host } = new URL(world.issuer.url);
  const ci = (path: string) => `${host}/octo/apps/${path}`;
  const sign = (change: object = {}) => {
    const all = Object.entries({ ...gitlabClaims(world.issuer.url, AUDIENCE), ...change });
    return world.issuer.sign(Object.fromEntries(all.filter(([, value]) => value !== undefined)));
  };
  const bad: BadClaims[] = [
    ...wrongTexts(
      'project_path',
      ['octo/apps/other', 'octo/my-app', 'evil/apps/my-app'],
      ['project_path', 'ci_config_ref_uri'],
    ),
    ...wrongTexts('project_id', ['21', '020']),
    ...wrongTexts('namespace_id', ['73']),
    ...wrongTexts('ci_config_ref_uri', [
      ci('my-app//other.yml@refs/tags/v1.0.0'),
      ci('my-app//.gitlab-ci.yml@refs/heads/main'),
      ci('other//.gitlab-ci.yml@refs/tags/v1.0.0'),
      'https://evil.example/ci.yml',
    ]),
    ...wrongTexts('ref_protected', ['false', 'TRUE']),
    ...wrongTexts('pipeline_source', [
      ...[
        'merge_request_event',
        'external_pull_request_event',
        'parent_pipeline',
        'pipeline',
        'chat',
        'unknown',
      ],
    ]),
    ...wrongTexts('environment', ['Production', 'staging']),
    ...wrongTexts('sha', ['v1.0.0']),
    ...wrongTexts('pipeline_id', ['x']),
    ...wrongTexts('job_id', ['x']),
    ...wrongTexts('user_login'),
    ...wrongTexts('user_id', ['root']),
    ...wrongTexts('jti'),
    [
      'a merge request',
      {
        ref_path: 'refs/merge-requests/1/head',
        ci_config_ref_uri: ci('my-app//.gitlab-ci.yml@refs/merge-requests/1/head'),
      },
      ['ref_path'],
    ],
    ['a list of audiences', { aud: [AUDIENCE] }, ['aud']],
  ];
  for (const [name, change, fields] of bad) await expectRefused(world, name, await sign(change), fields);
  await expectNoTokens(world);
  const accepted = await world.exchange(await sign());
  expect(accepted.json()).toMatchObject({
    job: {
      repository: 'octo/apps/my-app',
      commit: COMMIT,
      run: `${world.issuer.url}/octo/apps/my-app/-/pipelines/574`,
      actor: 'sample-user',
    },
  });
});

test('R48: of Forgejo a list of one audience is accepted, and no other', async () => {
  const world = await startTrustedWorld({
    provider: 'forgejo',
    workflow: '.forgejo/workflows/release.yml',
    environment: null,
  });
  const sign = (change: object) =>
    world.issuer.sign({ ...forgejoClaims(world.issuer.url, AUDIENCE), ...change });
  for (const aud of [[AUDIENCE, 'x'], ['x', AUDIENCE], [[AUDIENCE]], [], ['x']]) {
    await expectRefused(world, JSON.stringify(aud), await sign({ aud }), ['aud']);
  }
  await expectRefused(world, 'pull request', await sign({ event_name: 'pull_request' }), ['event_name']);
  await expectRefused(world, 'other id', await sign({ repository_id: '75' }), ['repository_id']);
  await expectNoTokens(world);
  expect((await world.exchange(await sign({ aud: [AUDIENCE] }))).statusCode).toBe(200);
  const accepted = await world.exchange(await sign({}));
  expect(accepted.json().job).toMatchObject({ run: `${world.issuer.url}/octo/my-app/actions/runs/188` });
});
