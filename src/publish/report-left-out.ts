import type { LeftOut } from '../tauri/bundle/choose-bundles.ts';
import type { PublishEvent } from './publish-event.ts';

/** Reports the files that are left out, with a warning for each where that is not usual. @returns the warnings */
export function reportLeftOut(report: (event: PublishEvent) => void, leftOut: readonly LeftOut[]): string[] {
  for (const item of leftOut) report({ type: 'left_out', leftOut: item });
  const warnings = leftOut
    .filter(({ usual }) => !usual)
    .map(({ file, reason }) => `left out: ${file} (${reason})`);
  for (const message of warnings) report({ type: 'warning', message });
  return warnings;
}
