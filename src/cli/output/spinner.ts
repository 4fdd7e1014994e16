import ora, { type Ora } from 'ora';
import type { Output } from './output.ts';

/** A line on a terminal that is redrawn during slow work; undefined where nothing may be redrawn. */
export function createSpinner({ plain, quiet, colors }: Output): Ora | undefined {
  const { stderr: stream } = process;
  // A terminal may not know its width: ora would clear lines without end.
  if (!stream.isTTY || stream.columns === 0 || plain || quiet) return undefined;
  return ora({ stream, discardStdin: false, isEnabled: true, color: colors.stderr ? 'cyan' : false });
}

/** How long a person waits without a sign, in milliseconds. */
const PATIENCE_MS = 1000;

/** Shows on a terminal what takes longer than a moment. @param text like `Verifying` */
export async function whileWaiting<T>(output: Output, text: string, work: () => Promise<T>): Promise<T> {
  const spinner = createSpinner(output);
  const timer = setTimeout(() => spinner?.start(text), PATIENCE_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    spinner?.stop();
  }
}
