import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { OtaError } from '../../errors.ts';
import type { Context } from '../context.ts';
import type { Lines } from '../printable/printable-text.ts';

/** Whether there is a terminal to ask on. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true;
}

/**
 * Asks a question that is answered with y or n, on stderr.
 * @param unchanged what Ctrl-C and Ctrl-D leave, for the error
 * @throws OtaError `interrupted` when there is no answer
 */
export async function confirm(question: Lines, unchanged: string, context: Context): Promise<boolean> {
  const lines = [question].flat();
  const last = `${lines.at(-1) ?? ''} [y/N] `;
  const answer = await ask([...lines.slice(0, -1), last], { unchanged, isSecret: false }, context);
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks for a secret, which is not shown. @throws OtaError `interrupted` when there is no answer */
export function askSecret(question: string, unchanged: string, context: Context): Promise<string> {
  return ask([question], { unchanged, isSecret: true }, context);
}

interface Asking {
  readonly unchanged: string;
  readonly isSecret: boolean;
}

async function ask(
  question: readonly string[],
  { unchanged, isSecret }: Asking,
  { output, signal }: Context,
): Promise<string> {
  const text = output.printable.lines(question);
  // readline shows each key itself: on a terminal that it may write nothing to, there is nothing to see.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const screen = isSecret ? nowhere : process.stderr;
  const terminal = createInterface({ input: process.stdin, output: screen, terminal: true, historySize: 0 });
  if (isSecret) process.stderr.write(text);
  try {
    const closed = new Promise<never>((_, reject) =>
      terminal.once('close', () => reject(new Error('closed'))),
    );
    const answer = await Promise.race([terminal.question(isSecret ? '' : text, { signal }), closed]);
    if (isSecret) process.stderr.write('\n');
    return answer;
  } catch {
    output.error(''); // Ctrl-C, Ctrl-D and signals end the question, and leave the cursor on its line
    throw new OtaError('interrupted', unchanged);
  } finally {
    terminal.close();
  }
}
