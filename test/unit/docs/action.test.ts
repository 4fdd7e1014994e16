import { describe, expect, test } from 'vitest';
import { inputIn, readAction, stepOf } from '../../support/docs/action-file.ts';
import { optionsOf } from '../../support/docs/command-tree.ts';
import { readText } from '../../support/docs/pages.ts';

const action = await readAction();
const step = stepOf(action, 'publish');
const build = stepOf(action, 'build');
const page = readText('docs/publishing/github-action.md');

describe('the action', () => {
  test('is composite, with two steps in bash', () => {
    expect(action).toMatchObject({ name: expect.any(String), description: expect.any(String) });
    expect(action.runs.using).toBe('composite');
    expect([build.shell, step.shell]).toEqual(['bash', 'bash']);
  });

  test('attack M6: builds and runs the program of its own commit, and asks no registry for it', () => {
    expect(build.run).toContain('cd "$GITHUB_ACTION_PATH"');
    expect(step.run).toContain('node "$GITHUB_ACTION_PATH/bin/synckit-ota.js"');
    expect(build.run + step.run).not.toMatch(/\bnpx\b|synckit-ota@/);
  });

  test('attack M6: lets no package run a script, and has no token while packages are installed', () => {
    expect(build.run.match(/\bnpm (?:ci|i|install)\b.*$/gm)).toEqual([
      'npm ci --ignore-scripts --no-audit --no-fund >&2',
    ]);
    expect(build.env).toBeUndefined();
    expect(step.run).not.toMatch(/\bnpm\b/);
  });

  test('gets every input through the environment, and puts none into its script', () => {
    expect(step.run).not.toContain('${{');
    expect(build.run).not.toContain('${{');
    const used = Object.values(step.env ?? {}).map(inputIn);
    expect(used.toSorted()).toEqual(Object.keys(action.inputs).toSorted());
    for (const variable of Object.keys(step.env ?? {})) expect(step.run).toContain(`"$${variable}"`);
  });

  test('passes inputs on as existing options with the same names', () => {
    const { options } = optionsOf(['publish']);
    const passed = [...step.run.matchAll(/^(?:option|flag) ([a-z-]+) "\$(\w+)"$/gm)];
    expect(passed.length).toBeGreaterThan(10);
    for (const [line, name = '', variable = ''] of passed) {
      expect(options, line).toContain(`--${name}`);
      expect(inputIn(step.env?.[variable] ?? ''), line).toBe(name);
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
