import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const ACTION = fileURLToPath(new URL('../../../action.yml', import.meta.url));

/** `action.yml`, the part that GitHub's runner reads. */
export interface ActionFile {
  readonly name: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, { description: string; default?: string }>>;
  readonly outputs: Readonly<Record<string, { description: string; value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly ActionStep[] };
}

export interface ActionStep {
  readonly id: string;
  readonly shell: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly run: string;
}

export async function readAction(): Promise<ActionFile> {
  return parse(await readFile(ACTION, 'utf8'));
}

/** A step of the action: `build` makes the program, `publish` runs it. */
export function stepOf({ runs }: ActionFile, id: 'build' | 'publish'): ActionStep {
  const step = runs.steps.find((each) => each.id === id);
  if (step === undefined || runs.steps.length !== 2) throw new Error('the action has two steps');
  return step;
}

/** The name of the input that an expression stands for: `${{ inputs.name }}` and nothing else. */
export function inputIn(expression: string): string | undefined {
  return /^\$\{\{ inputs\.([a-z-]+) \}\}$/.exec(expression)?.[1];
}

/** The environment of the step `publish` when the action is used with these inputs, as the runner fills it in. */
export function environmentOf(
  action: ActionFile,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(stepOf(action, 'publish').env ?? {}).map(([variable, expression]) => {
      const input = inputIn(expression);
      if (input === undefined) throw new Error(`${variable} is no input`);
      return [variable, given[input] ?? action.inputs[input]?.default ?? ''];
    }),
  );
}
