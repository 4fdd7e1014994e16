/** What our server can always do beyond api.md, as `GET /api/sync/ota` names it. */
export const EXTENSIONS = [
  'artifact-signature',
  'app',
  'platforms',
  'draft',
  'expect',
  'channel',
  'yank',
  'conditional-delete',
] as const;

/** What it can do besides where uploads arrive out of its sight. */
export const REMOTE_EXTENSIONS = ['complete-upload', 'multipart'] as const;

export type Extension = (typeof EXTENSIONS)[number] | (typeof REMOTE_EXTENSIONS)[number];
