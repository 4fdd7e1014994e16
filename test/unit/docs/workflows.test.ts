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
    expect(permissions).toEqual({ contents: 'read' });
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
      expect(Object.keys(use.with ?? {}).length).toBeGreaterThan(3);
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
});
