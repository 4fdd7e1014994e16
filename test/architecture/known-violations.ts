/** What the code does not keep yet, to be emptied: a rule, and the start of the importing files' paths. */
export const KNOWN_VIOLATIONS: readonly (readonly [rule: string, from: string])[] = [
  ['no import cycles', 'src/cli/'],
  ['what database/postgres may import', 'src/database/postgres/open-postgres.ts'],
  ['what runtime may import', 'src/runtime/with-timeout.ts'],
  ['what storage/*.ts may import', 'src/storage/s3-upload-parts.ts'],
];
