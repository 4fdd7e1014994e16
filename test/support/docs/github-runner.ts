import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A workflow command, as GitHub's runner reads one. */
export interface RunnerCommand {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly message: string;
}

const COMMANDS =
  'add-mask add-matcher add-path debug echo endgroup error group notice remove-matcher save-state set-env set-output stop-commands warning'.split(
    ' ',
  );

/** The command in a line of a step's output, if the runner sees one: its ActionCommand.cs, both syntaxes. */
export function commandIn(line: string): RunnerCommand | undefined {
  const modern = /^\s*::(.*?)::(.*)$/s.exec(line);
  const older = /##\[(.*?)\](.*)$/s.exec(line);
  for (const [, info = '', data = ''] of [modern, older].filter((match) => match !== null)) {
    const [name = '', ...rest] = info.split(' ');
    if (!COMMANDS.includes(name.toLowerCase())) continue;
    const pairs = rest.join(' ').trim().split(',').filter(Boolean);
    const properties = pairs.flatMap((pair) => {
      const [key = '', ...value] = pair.split('=');
      return value.join('=') === '' ? [] : [[key, unescaped(value.join('='), ['%3A', ':'], ['%2C', ','])]];
    });
    return { name, properties: Object.fromEntries(properties), message: unescaped(data) };
  }
  return undefined;
}

/** Every command in what a step wrote. */
export function commandsIn(output: string): RunnerCommand[] {
  return output.split(/\r\n|\r|\n/).flatMap((line) => commandIn(line) ?? []);
}

/** The values in a file that `$GITHUB_OUTPUT` names: the runner's FileCommandManager.cs. */
export function outputsIn(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split('\n');
  while (lines.length > 0) {
    const line = lines.shift() ?? '';
    if (line === '') continue;
    const [, name, delimiter] = /^([^=]+?)<<(.+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not as the runner wants it: ${line}`);
    const end = lines.indexOf(delimiter ?? '');
    if (end < 0) throw new Error(`no end of ${name}`);
    outputs[name] = lines
      .splice(0, end + 1)
      .slice(0, -1)
      .join('\n');
  }
  return outputs;
}

/** The environment of a step, and its output once it has ended. */
export interface RunnerStep {
  readonly env: Readonly<Record<string, string>>;
  outputs(): Promise<Record<string, string>>;
  summary(): Promise<string>;
}

/** Creates the files of a step in that folder. */
export async function startStep(folder: string): Promise<RunnerStep> {
  const [output, summary] = [join(folder, 'github_output'), join(folder, 'github_step_summary')];
  await Promise.all([writeFile(output, ''), writeFile(summary, '')]);
  return {
    env: { CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary },
    outputs: async () => outputsIn(await readFile(output, 'utf8')),
    summary: () => readFile(summary, 'utf8'),
  };
}

/** In the runner's order. */
function unescaped(text: string, ...more: readonly [string, string][]): string {
  const mappings: readonly [string, string][] = [['%0D', '\r'], ['%0A', '\n'], ...more, ['%25', '%']];
  return mappings.reduce((result, [escaped, token]) => result.replaceAll(escaped, token), text);
}
