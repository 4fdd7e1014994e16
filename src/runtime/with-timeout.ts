export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Resolves as `response` does, if in time. @throws TimeoutError after `timeoutMs` */
export async function withTimeout<T>(response: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`no response in ${timeoutMs} ms`)), timeoutMs);
  });
  response.catch(() => {}); // it may reject after the timeout
  try {
    return await Promise.race([response, late]);
  } finally {
    clearTimeout(timer);
  }
}
