import { OtaError } from '../../errors.ts';
import { isNoSpace } from '../../runtime/error-details.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';

/** The same storage; what it could not do is counted. */
export function countedStorage<Storage extends ArtifactStorage>(
  storage: Storage,
  onError: () => void,
): Storage {
  return new Proxy(storage, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result: unknown = value.apply(target, args);
        if (result instanceof Promise) result.catch((error) => isOutage(error) && onError());
        return result;
      };
    },
  });
}

function isOutage(error: unknown): boolean {
  return (
    isNoSpace(error) ||
    (error instanceof OtaError
      ? error.code === 'store_unavailable'
      : error instanceof Error && 'syscall' in error)
  );
}
