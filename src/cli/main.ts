import { type Command, CommanderError } from 'commander';
import { OtaError } from '../errors.ts';
import { type Environment, isPlain } from './environment.ts';
import { EXIT } from './exit-codes.ts';
import { StepReport } from './github/step-report.ts';
import { reportFailure } from './output/error-report.ts';
import { createOutput } from './output/output.ts';
import { createProgram } from './program.ts';

/**
 * Runs the command line.
 * @param argv as in `process.argv`
 * @param environment of which proxies and the ways of CI systems are taken
 * @returns the exit code
 */
export async function main(argv: readonly string[], environment: Environment = process.env): Promise<number> {
  // Until a command has its options: errors of the command line itself obey --json too.
  const step = StepReport.from(environment);
  const surroundings = { plain: isPlain(environment), step };
  let output = createOutput({ json: argv.includes('--json') }, surroundings);
  const abort = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    if (interruptedBy !== undefined) process.exit(signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted);
    interruptedBy = signal;
    abort.abort();
  };
  // Thrown where nobody waits for it: a bug, but with --json told as JSON all the same.
  const crash = (error: unknown) => process.exit(reportFailure(error, output, interruptedBy));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('uncaughtException', crash);
  process.stdout.on('error', ignoreClosedPipe);
  process.stderr.on('error', ignoreClosedPipe);
  const program = createProgram((options, command) => {
    step?.begin(command);
    output = createOutput(options, surroundings);
    return { output, signal: abort.signal, environment };
  });
  let helpText = '';
  throwInsteadOfExit(program, (text) => {
    helpText = text;
  });
  try {
    await program.parseAsync(argv);
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done;
      if (error.code === 'commander.help') process.stderr.write(`${helpText}\n`);
      return reportFailure(usageError(error), output, undefined);
    }
    return reportFailure(error, output, interruptedBy);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('uncaughtException', crash);
  }
}

/** Whoever reads the output may stop reading: that is no failure of ours. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`error: the output cannot be written: ${error.message}.\n`);
  process.exit(EXIT.bug);
}

/** commander prints and exits by itself; here one place does both. Its settings do not reach existing commands. */
function throwInsteadOfExit(command: Command, writeErr: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeErr });
  for (const subcommand of command.commands) throwInsteadOfExit(subcommand, writeErr);
}

/** Without a command commander wants to show the help, and calls that an error. */
function usageError({ code, message }: CommanderError): OtaError {
  if (code === 'commander.help') {
    return new OtaError('usage', 'a command is missing', { hint: 'The help above lists them.' });
  }
  const text = message.replace(/^error: /, '').replace(/\n\((.*)\)$/, '. $1');
  return new OtaError('usage', text, { hint: 'Add --help to the command to see what it takes.' });
}
