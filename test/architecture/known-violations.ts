/** What the code does not keep yet, to be emptied: a rule, and the start of the importing files' paths. */
export const KNOWN_VIOLATIONS: readonly (readonly [rule: string, from: string])[] = [
  ['what publish/execute may import', 'src/publish/execute/execute-plan.ts'],
  ['what publish/upload may import', 'src/publish/upload/'],
  ['what storage/*.ts may import', 'src/storage/s3-upload-parts.ts'],
];
