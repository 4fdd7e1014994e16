/**
 * A line that GitHub's runner acts on, on either output stream of a step:
 * https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
export function workflowCommand(
  name: string,
  message: string,
  properties: Readonly<Record<string, string>> = {},
): string {
  const list = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(value)}`);
  return `::${[name, list.join(',')].filter(Boolean).join(' ')}::${escapeData(message)}`;
}

/**
 * Text in which the runner sees no command: a server's message or a file name may look like one. The runner acts on
 * `::name::` at the beginning of a line, after any blanks, and on the older `##[name]` anywhere in it.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^((?:[^\S\n\r\u2028\u2029]|\u0085)*)::/gm, '$1: :').replaceAll('##[', '# #[');
}

/** `withoutCommands` for JSON, which keeps its meaning: a `##[` can only occur in its strings. */
export function jsonWithoutCommands(json: string): string {
  return json.replaceAll('##[', '#\\u0023[');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
