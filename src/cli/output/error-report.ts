import { OtaError } from '../../errors.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';
import type { ErrorDocument } from './error-document.ts';
import type { Output } from './output.ts';

/** The one place that turns an error into text, a JSON document, and the exit code. */
export function reportError(
  error: unknown,
  output: Output,
  interruptedBy: NodeJS.Signals | undefined,
): number {
  if (interruptedBy !== undefined) {
    const interrupted = new OtaError('interrupted', `interrupted by ${interruptedBy}`, {
      hint: 'Run the same command again: files that are already uploaded are skipped.',
    });
    reportExpected(interrupted, output);
    return interruptedBy === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  }
  if (error instanceof OtaError) {
    reportExpected(error, output);
    return exitCodeOf(error.code);
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  output.error(`${stack ?? message}\nThis is a bug in synckit-ota. Please report it with the lines above.`);
  reportToMachines({ code: 'bug', message, hint: 'Please report it.', retryable: false }, output);
  return EXIT.bug;
}

function reportExpected(error: OtaError, output: Output): void {
  const { code, message, hint, retryable } = error;
  if (output.step === undefined) {
    output.error(`${message}${/[.!?\n]$/.test(message) ? '' : '.'}`, 'error:');
    if (hint !== undefined) output.error(`  ${hint}`);
  }
  if (output.verbose && error.cause !== undefined) output.error(`  cause: ${String(error.cause)}`);
  reportToMachines({ code, message, hint: hint ?? null, retryable }, output);
}

function reportToMachines(document: ErrorDocument, output: Output): void {
  output.step?.fail(document);
  output.document({ error: document });
}
