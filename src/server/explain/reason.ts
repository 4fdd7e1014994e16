import type { NoteRule, ReleaseRule } from '../../protocol/routing/release-rules.ts';

/** A rule that has decided something, and what that means here. */
export interface Because {
  readonly rule: ReleaseRule;
  /** One sentence. */
  readonly reason: string;
}

export interface Note {
  readonly rule: NoteRule;
  readonly reason: string;
}

export function because(rule: ReleaseRule, reason: string): Because {
  return { rule, reason };
}
