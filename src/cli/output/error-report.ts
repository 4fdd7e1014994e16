import { OtaError } from '../../errors.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';
import type { ErrorDocument } from './error-document.ts';
import type { Output } from './output.ts';

/**
 * The one place that turns an error into text, a JSON document, and the exit code.
 * @param interruptedBy what has ended the command before its end
 */
export function reportError(
  error: unknown,
  output: Output,
  interruptedBy: NodeJS.Signals | undefined,
): number {
  if (interruptedBy !== undefined) {
    const known = error instanceof OtaError && error.code === 'interrupted' ? error.hint : undefined;
    const hint = known ?? 'Run the same command again.';
    reportExpected(new OtaError('interrupted', `interrupted by ${interruptedBy}`, { hint }), output);
    return interruptedBy === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  }
  if (error instanceof OtaError) {
    reportExpected(error, output);
    return exitCodeOf(error.code);
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const [first = message, ...rest] = (stack ?? message).split('\n');
  output.error([
    first,
    ...rest.map((line) => `    ${line.trim()}`),
    'This is a bug in synckit-ota. Please report it with the lines above.',
  ]);
  const document = { code: 'bug', message, hint: 'Please report it.', retryable: false };
  reportToMachines(document, { output, lines: [message] });
  return EXIT.bug;
}

function reportExpected(error: OtaError, output: Output): void {
  const { code, message, lines, hint, retryable } = error;
  if (output.step === undefined) {
    output.error(lines.length > 1 ? lines : withFullStop(message), 'error:');
    if (hint !== undefined) output.error(`  ${hint}`);
  }
  if (output.verbose && error.cause !== undefined) output.error(`  cause: ${String(error.cause)}`);
  reportToMachines({ code, message, hint: hint ?? null, retryable }, { output, lines });
}

function withFullStop(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

function reportToMachines(
  document: ErrorDocument,
  { output, lines }: { readonly output: Output; readonly lines: readonly string[] },
): void {
  output.step?.fail(document, lines);
  output.document({ error: document });
}
