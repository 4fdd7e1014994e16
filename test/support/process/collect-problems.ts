import { Problems } from '../../../src/cli/options/option-errors.ts';

/** What a read gives, and the words for every problem it finds; none are ''. */
export function collectProblems<T>(read: (problems: Problems) => T): { value: T; found: string } {
  const problems = new Problems();
  const value = read(problems);
  return { value, found: wordsOf(problems) };
}

/** The same for what takes its time. */
export async function collectProblemsAsync<T>(
  read: (problems: Problems) => Promise<T>,
): Promise<{ value: T; found: string }> {
  const problems = new Problems();
  const value = await read(problems);
  return { value, found: wordsOf(problems) };
}

function wordsOf(problems: Problems): string {
  try {
    problems.throwIfAny();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
