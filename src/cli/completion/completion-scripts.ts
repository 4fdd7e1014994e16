// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the shells' own
import type { CompletionNode } from './completion-node.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The lines of a script for a shell that completes the command line. */
export function completionScript(shell: Shell, nodes: readonly CompletionNode[]): readonly string[] {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](nodes);
}

function bashScript(nodes: readonly CompletionNode[]): string[] {
  return [
    '# bash completion of synckit-ota: eval "$(synckit-ota completion bash)"',
    ...bashData(nodes),
    '_synckit_ota() {',
    '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" path="" word before i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word="${COMP_WORDS[i]}" before="${COMP_WORDS[i-1]}"',
    '    if [[ "$before" == "=" || -n "$(_synckit_ota_values "$path" "$before")" ]]; then continue; fi', // a value
    '    case " $(_synckit_ota_commands "$path") " in *" $word "*) path="${path:+$path }$word" ;; esac',
    '  done',
    '  COMPREPLY=()',
    '  if [[ "$prev" == "=" ]]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi', // bash takes --json=x apart
    '  if [[ "$cur" == "=" ]]; then cur=""; fi',
    '  if [[ "$prev" == -* ]]; then',
    '    local values="$(_synckit_ota_values "$path" "$prev")"',
    '    if [[ "$values" == "*" ]]; then return; fi', // a file, or anything
    '    if [[ -n "$values" ]]; then COMPREPLY=($(compgen -W "$values" -- "$cur")); return; fi',
    '  fi',
    '  COMPREPLY=($(compgen -W "$(_synckit_ota_commands "$path") $(_synckit_ota_options "$path" "$cur")" -- "$cur"))',
    '}',
    'complete -o default -F _synckit_ota synckit-ota',
  ];
}

/** Functions that print what can follow a command. Bash's form, which zsh understands too. */
function bashData(nodes: readonly CompletionNode[]): string[] {
  const cases = (of: (node: CompletionNode) => string) =>
    nodes.flatMap((node) => (of(node) === '' ? [] : [`    ${quote(node.path)}) echo ${quote(of(node))} ;;`]));
  const words = ({ subcommands, argumentChoices }: CompletionNode) =>
    [...subcommands.map(({ word }) => word), ...argumentChoices].join(' ');
  const options = ({ options: own }: CompletionNode) => own.map(({ word }) => word).join(' ');
  const values = nodes.flatMap(({ path, options: own }) =>
    own
      .filter(({ takesValue }) => takesValue)
      .map(
        ({ word, choices }) => `    ${quote(`${path} ${word}`)}) echo ${quote(choices.join(' ') || '*')} ;;`,
      ),
  );
  return [
    ...['_synckit_ota_commands() {', '  case "$1" in', ...cases(words), '  esac', '}'],
    ...['_synckit_ota_options() {', '  [[ "$2" == -* ]] || return 0', '  case "$1" in', ...cases(options)],
    ...['  esac', '}'],
    ...['_synckit_ota_values() {', '  case "$1 $2" in', ...values, '  esac', '}'],
  ];
}

function zshScript(nodes: readonly CompletionNode[]): string[] {
  const item = (word: string, description: string) => quote(`${word.replaceAll(':', '\\:')}:${description}`);
  const cases = nodes.map(({ path, subcommands, options, argumentChoices }) => {
    const words = [...subcommands, ...argumentChoices.map((word) => ({ word, description: word }))];
    const commands = words.map(({ word, description }) => item(word, description)).join(' ');
    const flags = options.map(({ word, description }) => item(word, description)).join(' ');
    return `    ${quote(path)}) commands=(${commands}); options=(${flags}) ;;`;
  });
  return [
    '#compdef synckit-ota',
    '# zsh completion of synckit-ota: eval "$(synckit-ota completion zsh)", after compinit',
    ...bashData(nodes),
    '_synckit_ota() {',
    '  local command_path="" word before values i',
    '  local -a commands options',
    '  for ((i = 2; i < CURRENT; i++)); do',
    '    word="${words[i]}" before="${words[i-1]}"',
    '    if [[ -n "$(_synckit_ota_values "$command_path" "$before")" ]]; then continue; fi', // a value
    '    case " $(_synckit_ota_commands "$command_path") " in',
    '      *" $word "*) command_path="${command_path:+$command_path }$word" ;;',
    '    esac',
    '  done',
    '  values="$(_synckit_ota_values "$command_path" "${words[CURRENT-1]}")"',
    '  if [[ "$values" == "*" ]]; then _files; return; fi',
    '  if [[ -n "$values" ]]; then compadd -- ${=values}; return; fi',
    '  case "$command_path" in',
    ...cases,
    '  esac',
    '  if [[ "${words[CURRENT]}" == -* ]]; then _describe option options; return; fi',
    '  if (( ${#commands} )); then _describe command commands; else _files; fi',
    '}',
    'compdef _synckit_ota synckit-ota',
  ];
}

function fishScript(nodes: readonly CompletionNode[]): string[] {
  const lines = nodes.flatMap(({ path, subcommands, options, argumentChoices }) => {
    const at = `complete -c synckit-ota -n "__synckit_ota_at ${quote(path)}"`;
    const choices = argumentChoices.map((word) => ({ word, description: word }));
    return [
      ...[...subcommands, ...choices].map(
        ({ word, description }) => `${at} -f -a ${quote(word)} -d ${quote(description)}`,
      ),
      ...options.map(({ word, short, description, takesValue, choices: values }) => {
        const value = takesValue ? ` -r${values.length > 0 ? ` -f -a ${quote(values.join(' '))}` : ''}` : '';
        const letter = short === undefined ? '' : ` -s ${short}`;
        return `${at} -l ${word.slice(2)}${letter}${value} -d ${quote(description)}`;
      }),
    ];
  });
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  return [
    '# fish completion of synckit-ota: synckit-ota completion fish | source',
    'function __synckit_ota_at',
    `  set -l known ${paths.join(' ')}`,
    '  set -l found ""',
    '  for word in (commandline -opc)[2..-1]',
    '    set -l next (string trim "$found $word")',
    '    contains -- "$next" $known; and set found $next',
    '  end',
    '  test "$found" = "$argv[1]"',
    'end',
    ...lines,
  ];
}

/** For all three shells: in single quotes, which a text of ours never ends. */
function quote(text: string): string {
  return `'${text.replaceAll('\\', '').replaceAll("'", '’')}'`;
}
