import { describe, expect, test } from 'vitest';
import { callsIn } from '../../support/docs/calls.ts';
import {
  ALL_OPTIONS,
  COMMAND_NAMES,
  ENVIRONMENT_VARIABLES,
  optionsOf,
} from '../../support/docs/command-tree.ts';
import { blocksIn, codeSpansIn } from '../../support/docs/markdown.ts';
import { EXAMPLES, PAGES } from '../../support/docs/pages.ts';

/** Options of other programs that the docs mention in prose. */
const OPTIONS_OF_OTHERS = new Set(['--app-version', '--config', '--debug', '--ignore-scripts']);

/** Environment variables that only tests read. */
const OF_TESTS = /^SYNCKIT_OTA_(SHARD|CONFORMANCE_\w+|PICTURES|TORTURE)$/;

const inBlocks = PAGES.map(({ path, text }) => ({
  path,
  calls: blocksIn(text, 'sh', 'yaml', 'ini').flatMap((block) => callsIn(block.text)),
}));

const inProse = PAGES.map(({ path, text }) => ({
  path,
  calls: codeSpansIn(text).flatMap((code) => {
    const words = code.replace(/^(?:npx (?:--\S+ )*)?synckit-ota /, '').split(' ');
    return words.length > 1 && COMMAND_NAMES.has(words[0] ?? '') ? [words] : [];
  }),
}));

const inExamples = EXAMPLES.filter(({ path }) => /\.(yml|service)$/.test(path)).map(({ path, text }) => ({
  path,
  calls: callsIn(text),
}));

const calls = [...inBlocks, ...inProse, ...inExamples].flatMap((page) =>
  page.calls.map((words) => ({ path: page.path, line: words.join(' '), words })),
);

describe('the command lines in docs and examples', () => {
  test('are found by these tests', () => {
    expect(inBlocks.flatMap((page) => page.calls).length).toBeGreaterThan(30);
    expect(inProse.flatMap((page) => page.calls).length).toBeGreaterThan(15);
    expect(inExamples.flatMap((page) => page.calls).length).toBeGreaterThan(3);
  });

  test.each(calls)('$path: $line', ({ words }) => {
    const { command, options } = optionsOf(words);
    expect(command).not.toBe('');
    for (const word of words.filter((text) => text.startsWith('--'))) {
      expect(options, command).toContain(word.split('=')[0]);
    }
  });
});

describe.each(PAGES)('$path', ({ text }) => {
  test('names only options that exist', () => {
    const named = codeSpansIn(text).flatMap((code) => /^--[a-z][a-z0-9-]*/.exec(code)?.[0] ?? []);
    const unknown = named.filter((name) => !ALL_OPTIONS.has(name) && !OPTIONS_OF_OTHERS.has(name));
    expect(unknown).toEqual([]);
  });

  test('names only environment variables that exist', () => {
    const named = text.match(/\bSYNCKIT_OTA_[A-Z_]*[A-Z]\b/g) ?? [];
    const unknown = named.filter((name) => !ENVIRONMENT_VARIABLES.has(name) && !OF_TESTS.test(name));
    expect(unknown).toEqual([]);
  });
});
