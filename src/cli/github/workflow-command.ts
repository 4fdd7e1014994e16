/**
 * A line that GitHub's runner acts on, whichever of a step's two streams it stands on:
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
 * Text in which the runner sees no command: what a server says, or a file is called, may look like one. The runner
 * takes `::name::` at the beginning of a line, after any blanks, and the older `##[name]` anywhere in it.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^([\s\u0085]*)::/gm, '$1: :').replaceAll('##[', '# #[');
}

/** The same for JSON, which stays what it means: a `##[` can only stand in its strings. */
export function jsonWithoutCommands(json: string): string {
  return json.replaceAll('##[', '#\\u0023[');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
