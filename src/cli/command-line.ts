import { type Environment, isPlain } from './environment.ts';
import { EXIT } from './exit-codes.ts';
import { StepReport } from './github/step-report.ts';
import { readColors } from './output/colors.ts';
import { reportError } from './output/error-report.ts';
import { createOutput } from './output/output.ts';
import { knownSecrets } from './printable/known-secrets.ts';
import { PrintableText } from './printable/printable-text.ts';
import { type CreateContext, runProgram } from './program.ts';

/**
 * Runs a command line, and reports its error.
 * @param argv as in `process.argv`
 * @returns the exit code
 */
export async function runCommandLine(argv: readonly string[], environment: Environment): Promise<number> {
  const printable = new PrintableText(knownSecrets(argv, environment));
  const step = StepReport.from(environment, printable);
  const colors = readColors(environment);
  const surroundings = { plain: isPlain(environment), colors, step, printable };
  // Until a command has its options: errors of the command line itself obey --json too.
  let output = createOutput({ json: argv.includes('--json') }, surroundings);
  const abort = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    if (interruptedBy !== undefined) process.exit(signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted);
    interruptedBy = signal;
    abort.abort();
  };
  // Thrown where nothing awaits it: a bug, but with --json reported as JSON all the same.
  const crash = (error: unknown) => process.exit(reportError(error, output, interruptedBy));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('uncaughtException', crash);
  try {
    const createContext: CreateContext = (options, command) => {
      step?.begin(command);
      output = createOutput(options, surroundings);
      return { output, signal: abort.signal, environment };
    };
    await runProgram(argv, createContext, colors);
    return EXIT.done;
  } catch (error) {
    return reportError(error, output, interruptedBy);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('uncaughtException', crash);
  }
}
