import { OtaError } from '../errors.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import type { Output } from './output.ts';

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
  process.stderr.write(
    `${stack ?? message}\nThis is a bug in synckit-ota. Please report it with the lines above.\n`,
  );
  output.document({ error: { code: 'bug', message, hint: 'Please report it.', retryable: false } });
  return EXIT.bug;
}

function report(error: OtaError, output: Output): void {
  const { code, message, hint, retryable } = error;
  process.stderr.write(`error: ${message}${/[.!?\n]$/.test(message) ? '' : '.'}\n`);
  if (hint !== undefined) process.stderr.write(`  ${hint}\n`);
  if (output.verbose && error.cause !== undefined) process.stderr.write(`  cause: ${String(error.cause)}\n`);
  output.document({ error: { code, message, hint: hint ?? null, retryable } });
}
