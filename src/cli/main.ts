import { type Environment, isPlain } from './environment.ts';
import { EXIT } from './exit-codes.ts';
import { StepReport } from './github/step-report.ts';
import { readColors } from './output/colors.ts';
import { reportError } from './output/error-report.ts';
import { createOutput } from './output/output.ts';
import { type CreateContext, runProgram } from './program.ts';

/**
 * Runs the command line.
 * @param argv as in `process.argv`
 * @param environment of which proxies and the conventions of CI systems are taken
 * @returns the exit code
 */
export async function main(argv: readonly string[], environment: Environment = process.env): Promise<number> {
  // About the SDK's coming versions only: the one that is used is in the bundle.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const step = StepReport.from(environment);
  const plain = isPlain(environment);
  const colors = readColors(environment);
  const surroundings = { plain, colors, step };
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
  process.stdout.on('error', ignoreClosedPipe);
  process.stderr.on('error', ignoreClosedPipe);
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

/** The reader of the output may stop reading: that is no error of this command. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`error: cannot write the output: ${error.message}.\n`);
  process.exit(EXIT.bug);
}
