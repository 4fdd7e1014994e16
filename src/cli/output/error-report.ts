import { OtaError } from '../../errors.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';
import type { Output } from './output.ts';

/** Design 3: an error as `--json` has it. */
export interface Failure {
  /** One of the codes of `OtaError`, or `bug`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Whether the same command can simply be run again. */
  readonly retryable: boolean;
}

/** The one place that turns what went wrong into words, a JSON document, and the exit code. */
export function reportFailure(
  error: unknown,
  output: Output,
  interruptedBy: NodeJS.Signals | undefined,
): number {
  if (interruptedBy !== undefined) {
    const failure = new OtaError('interrupted', `interrupted by ${interruptedBy}`, {
      hint: 'Run the same command again: it continues where this one stopped.',
    });
    report(failure, output);
    return interruptedBy === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  }
  if (error instanceof OtaError) {
    report(error, output);
    return exitCodeOf(error.code);
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  output.error(`${stack ?? message}\nThis is a bug in synckit-ota. Please report it with the lines above.`);
  tellMachines({ code: 'bug', message, hint: 'Please report it.', retryable: false }, output);
  return EXIT.bug;
}

function report(error: OtaError, output: Output): void {
  const { code, message, hint, retryable } = error;
  if (output.step === undefined) {
    output.error(`error: ${message}${/[.!?\n]$/.test(message) ? '' : '.'}`);
    if (hint !== undefined) output.error(`  ${hint}`);
  }
  if (output.verbose && error.cause !== undefined) output.error(`  cause: ${String(error.cause)}`);
  tellMachines({ code, message, hint: hint ?? null, retryable }, output);
}

function tellMachines(failure: Failure, output: Output): void {
  output.step?.fail(failure);
  output.document({ error: failure });
}
