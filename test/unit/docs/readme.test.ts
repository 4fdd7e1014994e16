import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { packageVersion } from '../../../src/cli/package-version.ts';
import { parsePlatform } from '../../../src/protocol/platform.ts';
import { readAction } from '../../support/docs/action-file.ts';
import { optionsOf } from '../../support/docs/command-tree.ts';
import { blocks, README } from '../../support/docs/readme.ts';

/** The words after `synckit-ota` of every call of it. */
function callsIn(text: string): string[][] {
  const lines = text.replace(/\\\n\s*/g, ' ').split('\n');
  return lines.flatMap((line) => {
    if (/^docker (build|run) /.test(line)) return []; // the image's name
    const call = /(?:^|[\s/])synckit-ota(?:@\S+)? (.*)$/.exec(line)?.[1];
    return call === undefined ? [] : [call.split(/\s+/)];
  });
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

describe('what the README shows', () => {
  const calls = blocks('sh', 'yaml', 'ini').flatMap(callsIn);

  test('has calls of the program', () => {
    expect(calls.length).toBeGreaterThan(8);
  });

  test.each(calls.map((words) => [words.join(' '), words] as const))('can be typed: %s', (_, words) => {
    const { command, options } = optionsOf(words);
    expect(command).not.toBe('');
    for (const word of words.filter((text) => text.startsWith('--'))) {
      expect(options, command).toContain(word.split('=')[0]);
    }
  });

  test('names the version there is', () => {
    const versions = [...README.matchAll(/synckit-ota@v?([0-9][^\s`]*)/g)].map(([, version]) => version);
    expect(versions.length).toBeGreaterThan(1);
    expect(new Set(versions)).toEqual(new Set([packageVersion()]));
  });

  test('is YAML where it says so', () => {
    const documents = blocks('yaml').map((text) => parse(text));
    expect(documents.length).toBeGreaterThan(3);
    for (const document of documents) expect(document).toBeTypeOf('object');
  });
});

describe('the whole workflow', () => {
  const [workflow] = blocks('yaml')
    .map((text) => parse(text))
    .filter((document) => document.jobs !== undefined);
  const { publish } = workflow.jobs;
  const steps: Step[] = publish.steps;

  test('builds on the three systems', () => {
    expect(publish['runs-on']).toBe(`\${{ matrix.os }}`);
    const { include } = publish.strategy.matrix;
    expect(include.map(({ os }: { os: string }) => os.split('-')[0])).toEqual(['ubuntu', 'windows', 'macos']);
    expect(publish.strategy['fail-fast']).toBe(false);
  });

  test('is one job, whose copies wait for each other by what they expect', () => {
    expect(Object.keys(workflow.jobs)).toEqual(['publish']);
    const [words = []] = callsIn(steps.at(-1)?.run ?? '');
    expect(words.slice(0, 2)).toEqual(['publish', '--expect']);
    const platforms = words[2]?.split(',').map(parsePlatform) ?? [];
    expect(platforms).not.toContain(undefined);
    expect(new Set(platforms.map((platform) => platform?.target))).toEqual(
      new Set(['darwin', 'linux', 'windows']),
    );
  });

  test('gives secrets to single steps, and puts nothing into a script', () => {
    expect(workflow.env).toBeUndefined();
    expect(publish.env).toBeUndefined();
    for (const { run = '', env = {} } of steps) {
      expect(run).not.toContain('${{');
      const secrets = Object.values(env).filter((value) => value.includes('secrets.'));
      for (const value of secrets) expect(value).toMatch(/^\$\{\{ secrets\.\w+ \}\}$/);
    }
    expect(workflow.permissions).toEqual({ contents: 'read' });
  });

  test('uses actions of a version', () => {
    const used = steps.flatMap(({ uses }) => uses ?? []);
    expect(used.length).toBeGreaterThan(2);
    for (const name of used) expect(name).toMatch(/^[\w.-]+\/[\w.-]+@\S+$/);
  });
});

test('the example of the action has inputs and outputs that there are', async () => {
  const { inputs, outputs } = await readAction();
  const examples = blocks('yaml')
    .map((text) => parse(text))
    .filter((document) => Array.isArray(document))
    .flat() as Step[];
  const [use] = examples.filter(({ uses }) => uses?.includes('/synckit-ota@'));
  expect(Object.keys(use?.with ?? {}).length).toBeGreaterThan(3);
  for (const name of Object.keys(use?.with ?? {})) expect(inputs).toHaveProperty(name);
  const read = [...JSON.stringify(examples).matchAll(/steps\.publish\.outputs\.([a-z-]+)/g)];
  expect(read.length).toBeGreaterThan(1);
  for (const [, name = ''] of read) expect(outputs).toHaveProperty(name);
});
