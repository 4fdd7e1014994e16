import { expect } from 'vitest';
import type { Finished } from './binary.ts';

export interface JsonRun extends Finished {
  // biome-ignore lint/suspicious/noExplicitAny: tests state what they expect of it
  readonly document: any;
}

/** What a command printed with `--json`: exactly one document on stdout. */
export function readDocument(finished: Finished): JsonRun {
  expect(finished.stdout.split('\n'), finished.stderr).toEqual([expect.stringMatching(/^[[{].*[\]}]$/), '']);
  return { ...finished, document: JSON.parse(finished.stdout) };
}
