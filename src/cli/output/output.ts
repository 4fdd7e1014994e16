import type { StepReport } from '../github/step-report.ts';
import { jsonWithoutCommands, withoutCommands } from '../github/workflow-command.ts';
import { type Colors, createStyle, type Style } from './colors.ts';

/** Where a command's output goes. With `--json`, stdout holds one JSON document and nothing else. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Nothing may be redrawn, also on a terminal. */
  readonly plain: boolean;
  readonly colors: Colors;
  /** Colours the text of a result, where its stream has colours. */
  readonly style: Style;
  /** The step of a workflow that this command is, if it is one. */
  readonly step: StepReport | undefined;
  /** The result: on stdout, or on stderr where stdout is kept for JSON. */
  result(text: string): void;
  /** Progress: on stderr, unless `--quiet`. */
  note(text: string): void;
  /** Something to check: likewise. */
  warning(text: string): void;
  /** Why the command fails: on stderr, always. @param label stands before it, in colour */
  error(text: string, label?: string): void;
  /** The one document of `--json`: only the first call counts; does nothing without `--json`. */
  document(value: unknown): void;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** What the process runs in. */
export interface Surroundings {
  readonly plain: boolean;
  readonly colors: Colors;
  readonly step: StepReport | undefined;
}

const NO_COLORS: Colors = { stdout: false, stderr: false };

export function createOutput(
  { json = false, quiet = false, verbose = false }: OutputOptions,
  { plain = false, colors = NO_COLORS, step }: Partial<Surroundings> = {},
): Output {
  // What a server says, or a file is called, must not become a command to the workflow.
  const safe = (text: string) => (step ? withoutCommands(text) : text);
  const stdout = (text: string) => void process.stdout.write(`${text}\n`);
  const stderr = (text: string) => void process.stderr.write(`${safe(text)}\n`);
  const onStderr = createStyle(colors.stderr);
  let documented = false;
  return {
    json,
    quiet,
    verbose,
    plain,
    colors,
    style: json ? onStderr : createStyle(colors.stdout),
    step,
    result(text) {
      if (!json) stdout(safe(text));
      else if (!quiet) stderr(text);
    },
    note(text) {
      if (!quiet) stderr(text);
    },
    warning(text) {
      if (step) step.warn(text, !quiet);
      else if (!quiet) stderr(`${onStderr('yellow', 'warning:')} ${text}`);
    },
    error(text, label) {
      stderr(label === undefined ? text : `${onStderr('red', label)} ${text}`);
    },
    document(value) {
      const text = JSON.stringify(value);
      if (json && !documented) stdout(step ? jsonWithoutCommands(text) : text);
      documented = true;
    },
  };
}
