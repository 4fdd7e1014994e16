export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Resolves as `promise` does, if in time. @throws TimeoutError after `timeoutMs` */
export async function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`no response in ${timeoutMs} ms`)), timeoutMs);
  });
  promise.catch(() => {}); // it may reject after the timeout
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
