import { unreachable } from '../database/database-error.ts';

/**
 * Resolves as `answer` does, if that is soon enough.
 * @throws OtaError `store_unavailable` after `timeoutMs`; whoever was asked may answer yet, to nobody
 */
export async function withTimeout<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unreachable(`no answer in ${timeoutMs} ms`)), timeoutMs);
  });
  answer.catch(() => {}); // it may reject after nobody waits any more
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
