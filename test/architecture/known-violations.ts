/** What the code does not keep yet, to be emptied: a rule, and the start of the importing files' paths. */
export const KNOWN_VIOLATIONS: readonly (readonly [rule: string, from: string])[] = [
  ['what database/postgres may import', 'src/database/postgres/open-postgres.ts'],
  ['what publish/execute may import', 'src/publish/execute/execute-plan.ts'],
  ['what publish/upload may import', 'src/publish/upload/'],
  ['what runtime may import', 'src/runtime/with-timeout.ts'],
  ['what storage/*.ts may import', 'src/storage/s3-upload-parts.ts'],
  ['what tauri may import', 'src/tauri/bundle/choose-bundles.ts'],
  ['what tauri may import', 'src/tauri/format/debian-package.ts'],
  ['what tauri may import', 'src/tauri/format/rpm-package.ts'],
];
