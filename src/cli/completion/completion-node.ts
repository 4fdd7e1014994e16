/** What is read of a declared command. */
export interface DeclaredCommand {
  name(): string;
  summary(): string;
  description(): string;
  readonly commands: readonly DeclaredCommand[];
  readonly options: readonly {
    readonly hidden: boolean;
    readonly long?: string | null | undefined;
    readonly short?: string | null | undefined;
    readonly description: string;
    readonly required: boolean;
    readonly optional: boolean;
    readonly argChoices?: readonly string[] | undefined;
  }[];
  readonly registeredArguments: readonly { readonly argChoices?: readonly string[] | undefined }[];
}

/** A word that can be completed. */
export interface CompletedWord {
  readonly word: string;
  readonly description: string;
}

export interface CompletedOption extends CompletedWord {
  /** The short form without its dash, where it has one. */
  readonly short: string | undefined;
  readonly takesValue: boolean;
  /** The values it takes, where these are few. */
  readonly choices: readonly string[];
}

/** What can follow one command. */
export interface CompletionNode {
  /** Its name with its parents', like `publish slug`; empty for the program itself. */
  readonly path: string;
  readonly subcommands: readonly CompletedWord[];
  readonly options: readonly CompletedOption[];
  /** The values of its first argument, where these are few. */
  readonly argumentChoices: readonly string[];
}

/** All commands below a program, the program first, and `help` with what it can show. */
export function completionNodes(program: DeclaredCommand): CompletionNode[] {
  const [root, ...below] = nodesBelow(program, '');
  if (root === undefined) return [];
  const help = { word: 'help', description: 'show the help of a command' };
  const topics = { path: help.word, subcommands: root.subcommands, options: [], argumentChoices: [] };
  return [{ ...root, subcommands: [...root.subcommands, help] }, ...below, topics];
}

function nodesBelow(command: DeclaredCommand, path: string): CompletionNode[] {
  const own = command.options.filter(({ hidden, long }) => !hidden && long != null);
  const options = own.map((option) => ({
    word: option.long ?? '',
    short: option.short?.replace(/^-/, ''),
    description: firstClause(option.description),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }));
  const help = { word: '--help', short: 'h', description: 'show this help', takesValue: false, choices: [] };
  const node: CompletionNode = {
    path,
    subcommands: command.commands.map((sub) => ({
      word: sub.name(),
      description: firstClause(sub.summary() || sub.description()),
    })),
    options: [...options, help],
    argumentChoices: command.registeredArguments[0]?.argChoices ?? [],
  };
  const below = command.commands.flatMap((sub) => nodesBelow(sub, `${path} ${sub.name()}`.trim()));
  return [node, ...below];
}

/** As much as fits beside the word. */
function firstClause(text: string): string {
  return text.split(/[;(:]/)[0]?.trim() ?? '';
}
