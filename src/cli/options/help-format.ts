import { styleText } from 'node:util';
import { type Argument, Help, type HelpConfiguration } from '@commander-js/extra-typings';

/** Columns for options and commands; a longer one has its description on the next line. */
const TERM_WIDTH = 27;

const DEFAULT_WIDTH = 80;
/** Longer lines are hard to read, also on a wide terminal. */
const MAX_WIDTH = 100;

/** How every help text looks. Colours are taken out again where the output has none. */
export const HELP_FORMAT: HelpConfiguration = {
  minWidthToWrap: 20,
  styleTitle: heading,
  subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
  padWidth: (command, helper) => Math.min(Help.prototype.padWidth.call(helper, command, helper), TERM_WIDTH),
  // biome-ignore lint/complexity/useMaxParams: the method of commander that this overrides has four
  formatItem(term, termWidth, description, helper) {
    const format = (text: string) =>
      Help.prototype.formatItem.call(helper, text, termWidth, description, helper);
    return helper.displayWidth(term) <= termWidth ? format(term) : `  ${term}\n${format('')}`;
  },
};

/** Columns of the help on a stream. A terminal that does not know its width says 0. */
export function helpWidth({ isTTY, columns }: NodeJS.WriteStream): number {
  return Math.min((isTTY && columns) || DEFAULT_WIDTH, MAX_WIDTH);
}

/** Ends a command's help with how it is typed. */
export function withExamples<Documented extends { addHelpText(position: 'after', text: string): unknown }>(
  command: Documented,
  examples: readonly string[],
): Documented {
  const lines = examples.map((example) => `  $ ${example}`);
  command.addHelpText('after', ['', heading('Examples:'), ...lines].join('\n'));
  return command;
}

function argumentTerm(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

function heading(text: string): string {
  return styleText('bold', text, { validateStream: false });
}
