import type { StepReport } from '../github/step-report.ts';
import { jsonWithoutCommands, withoutCommands } from '../github/workflow-command.ts';

/** Where a command's words go. With `--json`, stdout holds one JSON document and nothing else. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Nothing may move or be coloured, also on a terminal. */
  readonly plain: boolean;
  /** The step of a workflow that this command is, if it is one. */
  readonly step: StepReport | undefined;
  /** What was asked for: on stdout, or on stderr where stdout is kept for JSON. */
  result(text: string): void;
  /** What happens meanwhile: on stderr, unless `--quiet`. */
  note(text: string): void;
  /** What somebody should look at: likewise. */
  warning(text: string): void;
  /** Why the command fails: on stderr, always. */
  error(text: string): void;
  /** The one document of `--json`: the first there is; does nothing without `--json`. */
  document(value: unknown): void;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** What an output is for, besides a person. */
export interface Surroundings {
  readonly plain: boolean;
  readonly step: StepReport | undefined;
}

export function createOutput(
  { json = false, quiet = false, verbose = false }: OutputOptions,
  { plain, step }: Surroundings = { plain: false, step: undefined },
): Output {
  // What a server says, or a file is called, must not become a command to the workflow.
  const safe = (text: string) => (step ? withoutCommands(text) : text);
  const stdout = (text: string) => void process.stdout.write(`${text}\n`);
  const stderr = (text: string) => void process.stderr.write(`${safe(text)}\n`);
  let documented = false;
  return {
    json,
    quiet,
    verbose,
    plain,
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
      else if (!quiet) stderr(`warning: ${text}`);
    },
    error: stderr,
    document(value) {
      const text = JSON.stringify(value);
      if (json && !documented) stdout(step ? jsonWithoutCommands(text) : text);
      documented = true;
    },
  };
}
