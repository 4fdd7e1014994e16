import type { StepReport } from '../github/step-report.ts';
import { jsonWithoutCommands, withoutCommands } from '../github/workflow-command.ts';
import { wrapText } from '../layout/words.ts';
import { type Lines, PrintableText } from '../printable/printable-text.ts';
import { type Colors, createStyle, type Style } from './colors.ts';
import { lineSink } from './line-sink.ts';

/** Where a command's output goes. With `--json`, stdout holds one JSON document and nothing else. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Nothing may be redrawn, also on a terminal. */
  readonly plain: boolean;
  readonly colors: Colors;
  /** How wide a result may be: columns of the terminal, or without end where there is none. */
  readonly columns: number;
  /** The same for progress. */
  readonly noteColumns: number;
  /** Colours the text of a result, where its stream has colours. */
  readonly style: Style;
  /** The step of a workflow that this command is, if it is one. */
  readonly step: StepReport | undefined;
  /** What all of it passes through. */
  readonly printable: PrintableText;
  /** The result: on stdout, or on stderr where stdout is kept for JSON. */
  result(lines: Lines): void;
  /** Progress: on stderr, unless `--quiet`. */
  note(lines: Lines): void;
  /** Something to check: likewise. */
  warning(lines: Lines): void;
  /** Why the command fails: on stderr, always. @param label stands before it, in colour */
  error(lines: Lines, label?: string): void;
  /** The one document of `--json`: only the first call counts; does nothing without `--json`. */
  document(value: unknown): void;
  /** From now on what cannot be written is lost, and nothing waits for it: the command serves. */
  loseUnwritten(): void;
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
  readonly printable: PrintableText;
}

const NO_COLORS: Colors = { stdout: false, stderr: false };

export function createOutput(
  { json = false, quiet = false, verbose = false }: OutputOptions,
  { plain = false, colors = NO_COLORS, step, printable = new PrintableText() }: Partial<Surroundings> = {},
): Output {
  // What a server says, or a file is called, must not become a command to the workflow.
  const safe = (text: string) => (step ? withoutCommands(text) : text);
  let to: { readonly [stream in 'stdout' | 'stderr']: { write(text: string): unknown } } = process;
  const stdout = (text: string) => void to.stdout.write(`${text}\n`);
  const widths = { stdout: columnsOf(process.stdout), stderr: columnsOf(process.stderr) };
  const format = (lines: Lines, on: 'stdout' | 'stderr') => {
    const text = printable.lines(lines, { colored: colors[on] }); // masks before lines are broken
    return safe(wrapText(text, widths[on]));
  };
  const stderr = (lines: Lines) => void to.stderr.write(`${format(lines, 'stderr')}\n`);
  const onStderr = createStyle(colors.stderr);
  let documented = false;
  return {
    json,
    quiet,
    verbose,
    plain,
    colors,
    columns: json ? widths.stderr : widths.stdout,
    noteColumns: widths.stderr,
    style: json ? onStderr : createStyle(colors.stdout),
    step,
    printable,
    result(lines) {
      if (!json) stdout(format(lines, 'stdout'));
      else if (!quiet) stderr(lines);
    },
    note(lines) {
      if (!quiet) stderr(lines);
    },
    warning(lines) {
      if (step) step.warn(lines, !quiet);
      else if (!quiet) stderr(labelled(onStderr('yellow', 'warning:'), lines));
    },
    error(lines, label) {
      stderr(label === undefined ? lines : labelled(onStderr('red', label), lines));
    },
    document(value) {
      const text = printable.json(value);
      if (json && !documented) stdout(step ? jsonWithoutCommands(text) : text);
      documented = true;
    },
    loseUnwritten() {
      to = { stdout: lineSink('stdout'), stderr: lineSink('stderr') };
    },
  };
}

/** A terminal that does not know its width says 0. */
function columnsOf({ isTTY, columns }: NodeJS.WriteStream): number {
  return (isTTY && columns) || Number.POSITIVE_INFINITY;
}

function labelled(label: string, lines: Lines): string[] {
  const [first = '', ...rest] = [lines].flat();
  return [`${label} ${first}`, ...rest];
}
