/** What the code does not keep yet, to be emptied: a rule, and the start of the importing files' paths. */
export const KNOWN_VIOLATIONS: readonly (readonly [rule: string, from: string])[] = [];
