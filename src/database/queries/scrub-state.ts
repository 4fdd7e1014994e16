import Type, { type Static } from 'typebox';
import { matches } from '../../protocol/validate.ts';
import type { Queries } from '../schema.ts';
import { saveSetting, setting } from './settings.ts';

/** How far the files of a store were read again. */
export const ScrubState = Type.Object({
  /** The storage key of the last file that was read; empty before the first. */
  after: Type.String(),
  /** When it began with the first, in milliseconds since 1970. */
  startedAt: Type.Number(),
  isFinished: Type.Boolean(),
});
export type ScrubState = Static<typeof ScrubState>;

export async function scrubState(db: Queries): Promise<ScrubState | undefined> {
  const text = await setting(db, 'scrub');
  const state = parse(text ?? '');
  return matches(ScrubState, state) ? state : undefined;
}

export async function saveScrubState(db: Queries, state: ScrubState): Promise<void> {
  await saveSetting(db, 'scrub', JSON.stringify(state));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
