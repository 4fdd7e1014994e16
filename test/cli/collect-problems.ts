import { Problems } from '../../src/cli/problems.ts';

/** What a read gives, and the words for every problem it finds; none are ''. */
export function collectProblems<T>(read: (problems: Problems) => T): { value: T; found: string } {
  const problems = new Problems();
  const value = read(problems);
  try {
    problems.throwIfAny();
    return { value, found: '' };
  } catch (error) {
    return { value, found: (error as Error).message };
  }
}
