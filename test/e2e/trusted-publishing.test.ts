import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandsIn, startStep } from '../support/docs/github-runner.ts';
import { COMMIT, githubClaims, gitlabClaims } from '../support/identity/job-claims.ts';
import { startIssuer, type TestIssuer } from '../support/identity/test-issuer.ts';
import type { Finished } from '../support/process/binary.ts';
import { publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

interface CiWorld extends World {
  readonly issuer: TestIssuer;
  /** The audiences that the job asked identity tokens for. */
  readonly audiences: string[];
  /** Every identity token that was issued. */
  readonly identities: string[];
  /** A command of an operator, on the server. */
  admin(args: readonly string[]): Promise<Finished>;
  /** A command in a job without a stored token. */
  inJob(args: readonly string[], env?: Record<string, string>): Promise<Finished>;
}

const now = () => Math.floor(Date.now() / 1000);

async function startCiWorld(): Promise<CiWorld> {
  const world = await startWorld();
  const issuer = await startIssuer();
  const audiences: string[] = [];
  const identities: string[] = [];
  issuer.issue = async (audience) => {
    audiences.push(audience);
    const identity = await issuer.sign(githubClaims(issuer.url, audience, now()));
    identities.push(identity);
    return identity;
  };
  const admin = (args: readonly string[]) => world.run([...args, '--data-dir', world.dataDir]);
  expect(await world.run(['publish', 'slug', 'my-app'])).toMatchObject({ code: 0 });
  const inJob = (args: readonly string[], env = {}) =>
    world.run(args, { env: { SYNCKIT_OTA_TOKEN: '', ...env } });
  return { ...world, issuer, audiences, identities, admin, inJob };
}

const TRUST = ['--github', 'octo/my-app', '--workflow', 'release.yml', '--environment', 'release'];

describe('with trusted publishing', () => {
  test('a job on GitHub publishes without a stored token, and no secret is printed or stored', async () => {
    const world = await startCiWorld();
    const { issuer, admin, inJob, server } = world;
    const trusted = await admin(['apps', 'trust', 'my-app', ...TRUST, '--issuer', issuer.url, '--only']);
    expect(trusted.code, trusted.stderr).toBe(0);
    expect(trusted.stdout).toContain('ids pinned at first use');
    const step = await startStep(world.folder);
    const file = await writeBundle(world.folder, 'App.AppImage');

    const stored = await world.run(publishLinux('1.0.0', file));
    expect(stored.code).toBe(3);
    expect(stored.stderr).toContain('no stored tokens');
    const published = await inJob(publishLinux('1.0.0', file), { ...step.env, ...issuer.runner });
    expect(published.code, published.stderr).toBe(0);
    expect(world.audiences).toEqual([server.url]);

    const masked = commandsIn(published.stderr).filter(({ name }) => name === 'add-mask');
    const [identity, token] = masked.map(({ message }) => message);
    expect(identity).toBe(world.identities[0]);
    expect(token).toMatch(/^sko_/);
    const printed = published.stdout + published.stderr.replaceAll(/^::add-mask::.*$/gm, '');
    for (const secret of [identity, token]) expect(printed).not.toContain(secret?.slice(-20));

    const shown = await inJob(['releases', 'show', '1.0.0'], issuer.runner);
    expect(shown.stdout).toContain(`from octo/my-app at ${COMMIT} (refs/tags/v1.0.0), by octocat`);
    expect(shown.stdout).toContain('/octo/my-app/actions/runs/9001/attempts/2');
    const json = await inJob(['releases', 'show', '1.0.0', '--json'], issuer.runner);
    expect(JSON.parse(json.stdout).provenance).toMatchObject({ commit: COMMIT, repository_id: '74' });

    const tokens = JSON.parse((await admin(['tokens', 'list', '--json'])).stdout);
    expect(tokens.map(({ kind }: { kind: string }) => kind)).toEqual([
      'stored',
      'trusted',
      'trusted',
      'trusted',
    ]);
    expect((await admin(['tokens', 'list'])).stdout).toContain('by octocat');
    const listed = await admin(['apps', 'trust', 'my-app', '--json']);
    const { publishers } = JSON.parse(listed.stdout);
    expect(publishers).toMatchObject([{ repository_id: '74', owner_id: '65' }]);

    const deleted = await inJob(['releases', 'delete', '1.0.0'], issuer.runner);
    expect(deleted.code).toBe(3);
    expect((await admin(['apps', 'untrust', 'my-app', publishers[0].id])).code).toBe(0);
    expect((await inJob(['releases', 'list'], issuer.runner)).code).toBe(3);

    await server.stop();
    const files = await readdir(world.dataDir, { recursive: true, withFileTypes: true });
    for (const entry of files.filter((one) => one.isFile())) {
      const bytes = await readFile(join(entry.parentPath, entry.name));
      for (const secret of [identity, token])
        expect(bytes.includes(secret?.slice(-20) ?? ''), entry.name).toBe(false);
    }
    expect(JSON.stringify(server.logs())).not.toContain(token?.slice(4));
  });

  test('a job that is not trusted hears what is different, and what it would have to be', async () => {
    const { issuer, admin, inJob } = await startCiWorld();
    await admin(['apps', 'trust', 'my-app', ...TRUST, '--issuer', issuer.url, '--repository-id', '75']);
    const refused = await inJob(['releases', 'list'], issuer.runner);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('repository_id must be "75", and is "74"');
  });

  test('a job without the permission hears that it needs it', async () => {
    const { inJob } = await startCiWorld();
    const github = await inJob(['releases', 'list'], { GITHUB_ACTIONS: 'true' });
    expect(github.code).toBe(2);
    expect(github.stderr).toContain('id-token: write');
    const gitlab = await inJob(['releases', 'list'], { GITLAB_CI: 'true' });
    expect(gitlab.stderr).toContain('SYNCKIT_OTA_ID_TOKEN');
    const outside = await inJob(['releases', 'list']);
    expect([outside.code, outside.stderr.includes('id-token')]).toEqual([2, false]);
  });

  test('several commands of a job on GitLab use one identity token each', async () => {
    const { issuer, admin, inJob, server } = await startCiWorld();
    const trust = ['--gitlab', 'octo/apps/my-app', '--issuer', issuer.url, '--environment', 'production'];
    expect(await admin(['apps', 'trust', 'my-app', ...trust])).toMatchObject({ code: 0 });
    const sign = () => issuer.sign(gitlabClaims(issuer.url, server.url, now()));
    const env = {
      GITLAB_CI: 'true',
      SYNCKIT_OTA_ID_TOKEN: await sign(),
      SYNCKIT_OTA_ID_TOKEN_2: await sign(),
    };
    for (const code of [0, 0, 3]) {
      const listed = await inJob(['releases', 'list'], env);
      expect(listed.code, listed.stderr).toBe(code);
      for (const secret of [env.SYNCKIT_OTA_ID_TOKEN, env.SYNCKIT_OTA_ID_TOKEN_2]) {
        expect(listed.stderr).not.toContain(secret);
      }
    }
  });

  test('an app is not left without anything that can publish it', async () => {
    const { admin } = await startCiWorld();
    expect(await admin(['apps', 'trust', 'my-app', '--only'])).toMatchObject({ code: 2 });
    expect(await admin(['apps', 'untrust', 'my-app', 'unknown'])).toMatchObject({ code: 2 });
    expect(await admin(['apps', 'trust', 'my-app', ...TRUST])).toMatchObject({ code: 0 });
    expect(await admin(['apps', 'trust', 'my-app', ...TRUST])).toMatchObject({ code: 5 });
    expect(await admin(['apps', 'trust', 'my-app', '--only'])).toMatchObject({ code: 0 });
    const open = await admin(['apps', 'trust', 'my-app', '--no-only', '--json']);
    expect(JSON.parse(open.stdout)).toMatchObject({ only: false, publishers: [{ provider: 'github' }] });
  });
});
