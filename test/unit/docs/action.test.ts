import { describe, expect, test } from 'vitest';
import { packageVersion } from '../../../src/cli/package-version.ts';
import { inputIn, readAction, stepOf } from '../../support/docs/action-file.ts';
import { optionsOf } from '../../support/docs/command-tree.ts';
import { readText } from '../../support/docs/pages.ts';

const action = await readAction();
const step = stepOf(action);
const page = readText('docs/publishing/github-action.md');

describe('the action', () => {
  test('is composite, with one step in bash', () => {
    expect(action).toMatchObject({ name: expect.any(String), description: expect.any(String) });
    expect(action.runs.using).toBe('composite');
    expect(step.shell).toBe('bash');
  });

  test('runs the package in its own version', () => {
    expect(step.run.match(/synckit-ota@\S+/g)).toEqual([`synckit-ota@${packageVersion()}`]);
  });

  test('gets every input through the environment, and puts none into its script', () => {
    expect(step.run).not.toContain('${{');
    const used = Object.values(step.env).map(inputIn);
    expect(used.toSorted()).toEqual(Object.keys(action.inputs).toSorted());
    for (const variable of Object.keys(step.env)) expect(step.run).toContain(`"$${variable}"`);
  });

  test('passes inputs on as existing options with the same names', () => {
    const { options } = optionsOf(['publish']);
    const passed = [...step.run.matchAll(/^(?:option|flag) ([a-z-]+) "\$(\w+)"$/gm)];
    expect(passed.length).toBeGreaterThan(10);
    for (const [line, name = '', variable = ''] of passed) {
      expect(options, line).toContain(`--${name}`);
      expect(inputIn(step.env[variable] ?? ''), line).toBe(name);
    }
    const lists = [...step.run.matchAll(/^lines (--[a-z-]+)= /gm)].map(([, name]) => name);
    expect(lists).toEqual(['--artifact']);
    for (const name of lists) expect(options).toContain(name);
  });

  test('has the outputs that the command sets', () => {
    expect(Object.entries(action.outputs).map(([name, { value }]) => [name, value])).toEqual(
      ['release-id', 'version', 'status', 'check-url'].map((name) => [
        name,
        `\${{ steps.${step.id}.outputs.${name} }}`,
      ]),
    );
  });

  test('describes its inputs and outputs, here and on the page about it', () => {
    for (const [name, { description }] of [
      ...Object.entries(action.inputs),
      ...Object.entries(action.outputs),
    ]) {
      expect(description, name).toMatch(/^\S.+\.$/);
      expect(page).toContain(`\`${name}\``);
    }
  });
});
