/** What this server can always do beyond api.md (docs/reference/http-api.md). */
export const EXTENSIONS = [
  'artifact-signature',
  'app',
  'platforms',
  'draft',
  'expect',
  'channel',
  'yank',
  'conditional-delete',
  'key-routing',
  'app-tag',
  'replace-draft-files',
] as const;

/** What it can do besides when uploads go to a remote storage. */
export const REMOTE_EXTENSIONS = ['complete-upload', 'multipart'] as const;

export type Extension = (typeof EXTENSIONS)[number] | (typeof REMOTE_EXTENSIONS)[number];
