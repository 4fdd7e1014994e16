import { stripVTControlCharacters } from 'node:util';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { expect, test } from 'vitest';
import { createProgram } from '../../../../src/cli/program.ts';

let written = '';
const program = createProgram(
  () => {
    throw new Error('no command is run');
  },
  {
    getOutHelpWidth: () => 80,
    writeOut: (text) => {
      written += text;
    },
  },
);

const commands = (command: CommandUnknownOpts): CommandUnknownOpts[] => [
  command,
  ...command.commands.flatMap(commands),
];

test.each(commands(program).map((command) => [`${command.parent?.name() ?? ''} ${command.name()}`, command]))(
  'the help of %s fits 80 columns',
  (_, command) => {
    written = '';
    command.outputHelp();
    expect(written).toContain('Examples:');
    const lines = stripVTControlCharacters(written).split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  },
);
