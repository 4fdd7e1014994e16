import type { CommandUnknownOpts as Command, Option } from '@commander-js/extra-typings';
import { createProgram } from '../../../src/cli/program.ts';

/** Where the page is, from the repository's root. */
export const CLI_REFERENCE = 'docs/reference/cli.md';

const INTRODUCTION = `# Command line

<!-- Generated from the command tree by \`npm run docs\`. Edits here are overwritten. -->

Each command with its arguments and options, as \`--help\` shows them. Where an option can be set by an environment variable,
the option wins; see [environment variables](environment.md). Results are described under [JSON output](json.md) and
[exit codes](exit-codes.md).
`;

/** The page of the command line, from the command tree. */
export function cliReference(): string {
  const program = createProgram(() => {
    throw new Error('no command is run');
  });
  const commands = program.commands.flatMap(withSubcommands);
  const rows = commands.map((command) => [link(command), command.summary() || command.description()]);
  return [
    INTRODUCTION,
    table(['command', 'does'], rows),
    '',
    ...commands.map((command) => sectionOf(command)),
  ].join('\n');
}

function withSubcommands(command: Command): Command[] {
  const own = isGroup(command) ? [] : [command];
  return [...own, ...command.commands.flatMap(withSubcommands)];
}

/** Whether it only holds subcommands. */
function isGroup(command: Command): boolean {
  return command.commands.length > 0 && command.options.length === 0;
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function link(command: Command): string {
  const name = nameOf(command);
  return `[\`${name.replace(/^synckit-ota /, '')}\`](#${name.replaceAll(' ', '-')})`;
}

function sectionOf(command: Command): string {
  const argumentNames = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const groups = groupsOf(command);
  const tables = [...groups].flatMap(([heading, options]) => [
    ...(groups.size > 1 ? [`**${heading.replace(/:$/, '')}**`, ''] : []),
    optionTable(options),
    '',
  ]);
  const examples = textAfterHelp(command);
  return [
    `## \`${nameOf(command)}\``,
    '',
    command.description(),
    '',
    '```text',
    ['synckit-ota', nameOf(command).replace(/^synckit-ota /, ''), ...argumentNames, '[options]'].join(' '),
    '```',
    '',
    ...tables,
    ...(examples === '' ? [] : ['```text', examples, '```', '']),
  ].join('\n');
}

/** A command's options by the heading under which its help shows them. */
function groupsOf(command: Command): ReadonlyMap<string, readonly Option[]> {
  const groups = new Map<string, Option[]>();
  for (const option of command.options.filter(({ hidden }) => !hidden)) {
    const heading = option.helpGroupHeading ?? 'Options:';
    groups.set(heading, [...(groups.get(heading) ?? []), option]);
  }
  return groups;
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => [
    `\`${option.flags}\``,
    option.envVar === undefined ? '' : `\`${option.envVar}\``,
    descriptionOf(option),
  ]);
  const hasVariables = rows.some(([, variable]) => variable !== '');
  return hasVariables
    ? table(['option', 'environment', 'meaning'], rows)
    : table(
        ['option', 'meaning'],
        rows.map(([flags = '', , meaning = '']) => [flags, meaning]),
      );
}

function descriptionOf(option: Option): string {
  const { description, defaultValue, defaultValueDescription, argChoices } = option;
  const value = defaultValueDescription ?? defaultValue;
  return [
    literal(description),
    ...(argChoices === undefined ? [] : [`(${argChoices.map((choice) => `\`${choice}\``).join(', ')})`]),
    ...(value === undefined || value === false ? [] : [`(default: ${literal(String(value))})`]),
  ].join(' ');
}

/** A placeholder in angle brackets would be taken for HTML. */
function literal(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}

/** What \`addHelpText\` puts after the generated help: examples. */
function textAfterHelp(command: Command): string {
  let text = '';
  const { writeOut } = command.configureOutput();
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  command.configureOutput({ ...(writeOut && { writeOut }) });
  return text.slice(text.indexOf(command.helpInformation()) + command.helpInformation().length).trim();
}

/** A Markdown table with aligned columns, as the formatter requires. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, 3, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
