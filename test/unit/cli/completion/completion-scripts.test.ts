import { describe, expect, test } from 'vitest';
import { completionNodes } from '../../../../src/cli/completion/completion-node.ts';
import { completionScript, SHELLS } from '../../../../src/cli/completion/completion-scripts.ts';
import { createProgram } from '../../../../src/cli/program.ts';

const nodes = completionNodes(
  createProgram(() => {
    throw new Error('no command is run');
  }),
);

describe.each(SHELLS)('the script for %s', (shell) => {
  const script = completionScript(shell, nodes).join('\n');

  test('has every command and every option that help shows', () => {
    for (const { path, options, subcommands } of nodes) {
      expect(script).toContain(`'${path}'`);
      for (const { word } of subcommands) expect(script, path).toContain(word);
      const form = (word: string) => (shell === 'fish' ? `-l ${word.slice(2)}` : word);
      for (const { word } of options) expect(script, `${path} ${word}`).toContain(form(word));
    }
  });

  test('quotes what is said of them: an apostrophe ends no text', () => {
    for (const line of script.split('\n').filter((text) => !text.startsWith('#')))
      expect((line.match(/'/g) ?? []).length % 2, line).toBe(0);
  });
});
