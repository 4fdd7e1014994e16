import { useCallback, useEffect, useState } from 'preact/hooks';

/** What a screen loads from the server. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  /** What went wrong, in words. */
  readonly error: string | undefined;
  readonly reload: () => Promise<void>;
}

/** Loads a value when a screen opens, and again when one of `keys` is another. */
export function useLoaded<Value>(load: () => Promise<Value>, keys: readonly unknown[]): Loaded<Value> {
  const [state, setState] = useState<{ value?: Value; error?: string }>({});
  const reload = useCallback(async () => {
    try {
      setState({ value: await load() });
    } catch (error) {
      setState({ error: error instanceof Error ? error.message : String(error) });
    }
  }, keys as unknown[]);
  useEffect(() => void reload(), [reload]);
  return { value: state.value, error: state.error, reload };
}
