import { isTable, tableOf } from './table.ts';

/**
 * Merges a configuration as Tauri's command line does: the values of `--config` with each other first, then the result
 * into the configuration and its overlay. What one of them sets to null is removed.
 */
export function mergeConfig(files: readonly unknown[], overrides: readonly unknown[]): unknown {
  const override = overrides.reduce<unknown>(mergePatches, {});
  return [...files, override].reduce<unknown>(mergePatch, undefined);
}

/** RFC 7396, "Processing Merge Patch Documents". */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isTable(patch)) return patch;
  const merged = new Map(Object.entries(tableOf(target)));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** One patch for two in a row: null stays, because it removes something only from what is patched. */
function mergePatches(first: unknown, second: unknown): unknown {
  if (!isTable(second)) return second;
  const merged = new Map(Object.entries(tableOf(first)));
  for (const [name, value] of Object.entries(second)) merged.set(name, mergePatches(merged.get(name), value));
  return Object.fromEntries(merged);
}
