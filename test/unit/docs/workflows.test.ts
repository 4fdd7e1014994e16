import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { packageVersion } from '../../../src/cli/package-version.ts';
import { parsePlatform } from '../../../src/protocol/platform.ts';
import { readAction } from '../../support/docs/action-file.ts';
import { callsIn } from '../../support/docs/calls.ts';
import { blocksIn } from '../../support/docs/markdown.ts';
import { EXAMPLES, PAGES, ROOT, readText } from '../../support/docs/pages.ts';
import { type Step, WORKFLOWS } from '../../support/docs/workflow.ts';

const ACTION_IN_APP = './.github/actions/synckit-ota';

const inDocs: Step[] = PAGES.flatMap(({ text }) => blocksIn(text, 'yaml'))
  .map((block) => parse(block.text))
  .filter((document) => Array.isArray(document))
  .flat();

const inExamples: Step[] = [...WORKFLOWS.values()].flatMap(({ jobs }) =>
  Object.values(jobs).flatMap(({ steps }) => steps),
);

describe.each([...WORKFLOWS])('examples/github-actions/%s', (_, { permissions, env, jobs }) => {
  const job = jobs.publish;
  const steps = job?.steps ?? [];

  test('has one job that ends with a publish', () => {
    expect(Object.keys(jobs)).toEqual(['publish']);
    const publishes = steps.filter(
      ({ run = '', uses }) =>
        uses === ACTION_IN_APP || callsIn(run).some(([command]) => command === 'publish'),
    );
    expect(publishes).toHaveLength(1);
  });

  test('gives secrets to single steps, and puts no expression into a script', () => {
    expect(env).toBeUndefined();
    expect(job?.env).toBeUndefined();
    for (const step of steps) {
      expect(step.run ?? '').not.toContain('${{');
      const secrets = Object.values({ ...step.env, ...step.with }).filter((value) =>
        String(value).includes('secrets.'),
      );
      for (const value of secrets) expect(value).toMatch(/^\$\{\{ secrets\.\w+ \}\}$/);
    }
    expect(permissions).toEqual({ contents: 'read', 'id-token': 'write' });
  });

  test('pins actions to a version', () => {
    const used = steps.flatMap(({ uses }) => uses ?? []).filter((name) => name !== ACTION_IN_APP);
    expect(used.length).toBeGreaterThan(2);
    for (const name of used) expect(name).toMatch(/^[\w.-]+\/[\w.-]+@\S+$/);
  });
});

describe('the workflow for three systems', () => {
  const job = WORKFLOWS.get('release-matrix.yml')?.jobs.publish;

  test('builds on all three, and lets the others finish when one fails', () => {
    expect(job?.['runs-on']).toBe(`\${{ matrix.os }}`);
    const systems = job?.strategy?.matrix.include.map(({ os }) => os.split('-')[0]);
    expect(systems).toEqual(['ubuntu', 'windows', 'macos']);
    expect(job?.strategy?.['fail-fast']).toBe(false);
  });

  test('expects the platforms of all three', () => {
    const [words = []] = callsIn(job?.steps.at(-1)?.run ?? '');
    expect(words.slice(0, 2)).toEqual(['publish', '--expect']);
    const platforms = words[2]?.split(',').map(parsePlatform) ?? [];
    expect(platforms).not.toContain(undefined);
    expect(new Set(platforms.map((platform) => platform?.target))).toEqual(
      new Set(['darwin', 'linux', 'windows']),
    );
  });

  test('runs scripts with lists and variables in bash, on Windows too', () => {
    const scripts = job?.steps.filter(({ run = '' }) => /\$|--expect/.test(run)) ?? [];
    expect(scripts.length).toBeGreaterThan(1);
    for (const { run, shell } of scripts) expect(shell, run).toBe('bash');
  });
});

test('the blocks of YAML in the docs are YAML', () => {
  const documents = PAGES.flatMap(({ text }) => blocksIn(text, 'yaml')).map((block) => parse(block.text));
  expect(documents.length).toBeGreaterThan(3);
  for (const document of documents) expect(document).toBeTypeOf('object');
});

describe('the action, as used in docs and examples,', () => {
  const uses = [...inDocs, ...inExamples].filter((step) => step.uses === ACTION_IN_APP);

  test('gets inputs that it has', async () => {
    const { inputs } = await readAction();
    expect(uses.length).toBeGreaterThan(1);
    for (const use of uses) {
      expect(Object.keys(use.with ?? {}).length).toBeGreaterThan(1);
      for (const name of Object.keys(use.with ?? {})) expect(inputs).toHaveProperty(name);
    }
  });

  test('is asked for outputs that it has', async () => {
    const { outputs } = await readAction();
    const text = JSON.stringify([...inDocs, ...inExamples]);
    const read = [...text.matchAll(/steps\.publish\.outputs\.([a-z-]+)/g)];
    expect(read.length).toBeGreaterThan(3);
    for (const [, name = ''] of read) expect(outputs).toHaveProperty(name);
  });
});

test('docs, examples and the action name the current version', () => {
  const texts = [...PAGES, ...EXAMPLES].map(({ text }) => text);
  const named = [...texts, readText('action.yml')].flatMap((text) =>
    [...text.matchAll(/synckit-ota(?:@v?|-)([0-9]+\.[^\s`]*?)(?:\.tgz)?(?=[\s`]|$)/g)].map(
      ([, version]) => version,
    ),
  );
  expect(named.length).toBeGreaterThan(6);
  expect(new Set(named)).toEqual(new Set([packageVersion()]));
});

describe('attack M6: no documented command runs the scripts of a package', () => {
  /** They are in the project itself, and call its own build scripts: with the flag those would be left out. */
  const OF_PROJECT = /^npx (?:tauri (?:build|dev|signer)|vitest run)\b/;

  test('each npx that may install something says --ignore-scripts', () => {
    const texts = [...PAGES, ...EXAMPLES, ...['action.yml', 'CHANGELOG.md', 'Dockerfile'].map(asPage)];
    const calls = texts.flatMap(({ path, text }) =>
      [...text.matchAll(/\bnpx (?=[-@.\w/])[^`\n]*/g)].map(([call]) => ({ path, call })),
    );
    expect(calls.length).toBeGreaterThan(20);
    const others = calls.filter(
      ({ call }) => !OF_PROJECT.test(call) && !/^npx (?:--yes )?--ignore-scripts /.test(call),
    );
    expect(others).toEqual([]);
  });

  test('so do the commands that `dev` prints', () => {
    const source = readText('src/cli/dev/dev-report.ts');
    const calls = [...source.matchAll(/\bnpx [^`'\n]*/g)].map(([call]) => call);
    expect(calls.filter((call) => !OF_PROJECT.test(call))).toEqual([
      expect.stringMatching(/^npx --ignore-scripts synckit-ota check /),
    ]);
  });

  test('an image is made without them, from the packages in the lock', () => {
    const lines = readText('Dockerfile')
      .split('\n')
      .filter((line) => /\bnpm\b/.test(line));
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toContain('--ignore-scripts');
  });
});

test('attack L10: the images that the Dockerfile builds on can be pinned by digest, and the container says if it is well', () => {
  const text = readText('Dockerfile');
  expect([...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)).toEqual([
    `\${NODE_IMAGE}`,
    `\${NODE_SLIM_IMAGE}`,
  ]);
  expect([...text.matchAll(/^ARG (\w+)=/gm)].map(([, name]) => name)).toEqual([
    'NODE_IMAGE',
    'NODE_SLIM_IMAGE',
  ]);
  expect(text).toMatch(/^HEALTHCHECK /m);
  expect(text).toMatch(/^USER node$/m);
  const page = readText('docs/security/supply-chain.md');
  expect(page).toContain('--build-arg NODE_IMAGE=node@sha256:… --build-arg NODE_SLIM_IMAGE=node@sha256:…');
});

function asPage(path: string) {
  return { path, text: readText(path) };
}

test('no repository is named except those in package.json', () => {
  const { repository } = JSON.parse(readText('package.json'));
  const named = [...PAGES, ...EXAMPLES].flatMap(({ path, text }) =>
    [
      ...text.matchAll(/uses: (\S+\/synckit-ota)@/g),
      ...text.matchAll(/github\.com\/(\S+\/synckit-ota)/g),
    ].map(([, name]) => `${path}: ${name}`),
  );
  if (repository === undefined) expect(named).toEqual([]);
});

describe("GitHub's files in this repository", () => {
  const files = globSync('.github/**/*.yml', { cwd: ROOT });

  test.each(files)('are YAML: %s', (file) => {
    expect(parse(readText(file))).toBeTypeOf('object');
  });

  test.each([
    ['ci', 'checks', ['.ci/run']],
    ['nightly', 'torture', ['.ci/run', 'npm run test:torture']],
  ])('has a workflow %s that runs the checks, with no more rights than it needs', (name, job, commands) => {
    const { jobs, permissions } = parse(readText(`.github/workflows/${name}.yml`));
    const runs = jobs[job].steps.map(({ run }: { run?: string }) => run).filter(Boolean);
    expect(runs).toEqual(commands);
    expect(existsSync(join(ROOT, '.ci/run'))).toBe(true);
    expect(permissions).toEqual({ contents: 'read' });
  });

  test('have a workflow that releases with provenance and without a secret, and runs no install script', () => {
    const text = readText('.github/workflows/release.yml');
    const { jobs, permissions } = parse(text);
    expect(permissions).toEqual({ contents: 'read' });
    expect(jobs.publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(text).not.toContain('secrets.');
    const runs = jobs.publish.steps.map(({ run }: { run?: string }) => run).filter(Boolean);
    const npm = runs.filter((run: string) => run.startsWith('npm '));
    expect(npm).toEqual([
      'npm ci --ignore-scripts',
      'npm publish --provenance --access public --ignore-scripts',
    ]);
    expect(runs.join('\n')).not.toContain('${{');
  });
});
