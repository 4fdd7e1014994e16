import { OptionErrors } from '../../../src/cli/options/option-errors.ts';

/** What a read gives, and the words for every problem it finds; none are ''. */
export function collectProblems<T>(read: (problems: OptionErrors) => T): { value: T; found: string } {
  const problems = new OptionErrors();
  const value = read(problems);
  return { value, found: wordsOf(problems) };
}

/** The same for what takes its time. */
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
