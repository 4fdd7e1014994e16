import { type Checked, ok, refused } from '../../issue.ts';

/** What is computed of a file that may turn out to be unreadable. */
export async function tryToHash<T>(
  path: string,
  hash: (path: string, signal?: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<Checked<T>> {
  try {
    return ok(await hash(path, signal));
  } catch (error) {
    signal?.throwIfAborted();
    return unreadable(path, error);
  }
}

export function unreadable(file: string, error: unknown): Checked<never> {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${file} cannot be read: ${reason}`;
  return refused({ id: 'file.unreadable', code: 'usage', message, hint: 'Check its permissions.' });
}
