import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { createProgram } from '../../../src/cli/program.ts';

const PROGRAM = createProgram(() => {
  throw new Error('no command is run');
});

const COMMANDS = withChildren(PROGRAM);

/**
 * The long names of the options of a command and of those above it, `--help` included.
 * @param words the command line after `synckit-ota`; arguments after the command are ignored
 */
export function optionsOf(words: readonly string[]): {
  readonly command: string;
  readonly options: Set<string>;
} {
  const path: CommandUnknownOpts[] = [PROGRAM];
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

/** The names of the commands that come right after `synckit-ota`. */
export const COMMAND_NAMES: ReadonlySet<string> = new Set(PROGRAM.commands.map((command) => command.name()));

/** The long names of the options of all commands. */
export const ALL_OPTIONS: ReadonlySet<string> = new Set([
  '--help',
  ...COMMANDS.flatMap(({ options }) => options.map(({ long }) => long ?? '')),
]);

/** The environment variables that options have. */
export const ENVIRONMENT_VARIABLES: ReadonlySet<string> = new Set([
  ...COMMANDS.flatMap(({ options }) => options.flatMap(({ envVar }) => envVar ?? [])),
  'SYNCKIT_OTA_ID_TOKEN', // which is no option's
]);

function withChildren(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(withChildren)];
}
