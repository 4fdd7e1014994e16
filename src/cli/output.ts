/** Where a command's words go. With `--json`, stdout holds one JSON document and nothing else. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** What was asked for: on stdout, or on stderr where stdout is kept for JSON. */
  result(text: string): void;
  /** What happens meanwhile: on stderr, unless `--quiet`. */
  note(text: string): void;
  /** The one document of `--json`: the first there is; does nothing without `--json`. */
  document(value: unknown): void;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export function createOutput({ json = false, quiet = false, verbose = false }: OutputOptions): Output {
  const stdout = (text: string) => void process.stdout.write(`${text}\n`);
  const stderr = (text: string) => void process.stderr.write(`${text}\n`);
  let documented = false;
  return {
    json,
    quiet,
    verbose,
    result(text) {
      if (!json) stdout(text);
      else if (!quiet) stderr(text);
    },
    note(text) {
      if (!quiet) stderr(text);
    },
    document(value) {
      if (json && !documented) stdout(JSON.stringify(value));
      documented = true;
    },
  };
}
