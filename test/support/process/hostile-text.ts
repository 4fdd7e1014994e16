import { expect } from 'vitest';
import { commandsIn } from '../docs/github-runner.ts';
import type { Finished } from './binary.ts';

const FORGED = 'FORGED';
const COLOR = '\u001b\\[(?:1|2|22|3[1-6]|39)m';

/** Text that tries to command whoever prints it: a terminal, a reader of lines, a workflow's runner. */
export const HOSTILE = [
  'x\u001b]0;title\u0007\u001b[2J\u001b[31m\u001b[32mFORGED\u001b[39m\u009b31m\u0090q\u202e\u2066\ufeff\ufff9',
  FORGED,
  `::error::${FORGED}`,
  `##[error]${FORGED}\u2028${FORGED}\u0085${FORGED}\r${FORGED}\u0000\u007f`,
].join('\r\n');

/** The same for a command line, where NUL is impossible. It has no slash, so that it can be the name of a file, too. */
export const HOSTILE_NAME = HOSTILE.replaceAll('\u0000', '').replaceAll('/', '');

/** Fails where hostile text could command a terminal or a runner, or stands where this program's own text stands. */
export function expectHarmless(text: string, what: string): void {
  const withoutOwnColors = text.replaceAll(new RegExp(COLOR, 'g'), '');
  expect(withoutOwnColors, what).not.toMatch(/[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069\ufeff\ufff9]/u);
  expect(text, `${what}: a colour of its own`).not.toMatch(new RegExp(`${COLOR}(?:${FORGED}|␛)`));
  const lines = withoutOwnColors.split('\n').filter((line) => /^(?:FORGED|::error::FORGED|##\[)/.test(line));
  expect(lines, what).toEqual([]);
}

/** The same for a command, of which stdout may be JSON. @param isStep whether a workflow's runner reads it */
export function expectHarmlessRun({ stdout, stderr }: Finished, what: string, isStep: boolean): void {
  expectHarmless(stdout, `${what}: stdout`);
  expectHarmless(stderr, `${what}: stderr`);
  if (!isStep) return;
  const forged = commandsIn(stdout + stderr).filter(({ name, properties }) => {
    return name === 'error' && properties.title === undefined;
  });
  expect(forged, what).toEqual([]);
}
