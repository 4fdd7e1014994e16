import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';

const PROGRAM = createProgram(() => {
  throw new Error('no command is run');
});

/**
 * The long names of the options of a command and of those above it, `--help` included.
 * @param words the command line after `synckit-ota`; what comes after the command itself is passed over
 */
export function optionsOf(words: readonly string[]): {
  readonly command: string;
  readonly options: Set<string>;
} {
  const path: Command[] = [PROGRAM];
  for (const word of words) {
    const next = path.at(-1)?.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    path.push(next);
  }
  const command = path
    .slice(1)
    .map((part) => part.name())
    .join(' ');
  const options = path.slice(1).flatMap((part) => part.options.map(({ long }) => long ?? ''));
  return { command, options: new Set([...options, '--help']) };
}
