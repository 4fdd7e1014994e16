import { type Platform, platformName } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';

/** The problem of a file that was published, and that the storage has not got any more. */
export function fileLost(file: Platform & { readonly version: string }): Problem {
  return new Problem(
    'file_lost',
    `The server has lost the file of ${file.version} for ${platformName(file)}. Publishing the same file again repairs it.`,
  );
}
