import { OptionErrors } from '../../../src/cli/options/option-errors.ts';

/** The result of a read, and the text of every problem it finds; '' if there are none. */
export function collectProblems<T>(read: (problems: OptionErrors) => T): { value: T; found: string } {
  const problems = new OptionErrors();
  const value = read(problems);
  return { value, found: wordsOf(problems) };
}

/** The same for an asynchronous read. */
export async function collectProblemsAsync<T>(
  read: (problems: OptionErrors) => Promise<T>,
): Promise<{ value: T; found: string }> {
  const problems = new OptionErrors();
  const value = await read(problems);
  return { value, found: wordsOf(problems) };
}

function wordsOf(problems: OptionErrors): string {
  try {
    problems.throwIfAny();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
