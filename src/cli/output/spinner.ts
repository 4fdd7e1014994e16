import ora, { type Ora } from 'ora';
import type { Output } from './output.ts';

/** What moves on a terminal while something takes its time; undefined where nothing may. */
export function createSpinner(output: Output): Ora | undefined {
  const { isTTY, columns } = process.stderr;
  // A terminal may not say how wide it is: ora would clear lines without end.
  const moving = isTTY && columns !== 0 && !output.plain && !output.quiet;
  return moving ? ora({ stream: process.stderr, discardStdin: false, isEnabled: true }) : undefined;
}
