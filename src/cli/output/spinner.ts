import ora, { type Ora } from 'ora';
import type { Output } from './output.ts';

/** A line on a terminal that is redrawn during slow work; undefined where nothing may be redrawn. */
export function createSpinner({ plain, quiet, colors }: Output): Ora | undefined {
  const { stderr: stream } = process;
  // A terminal may not know its width: ora would clear lines without end.
  if (!stream.isTTY || stream.columns === 0 || plain || quiet) return undefined;
  return ora({ stream, discardStdin: false, isEnabled: true, color: colors.stderr ? 'cyan' : false });
}
