/** What our server can do beyond api.md, as `GET /api/sync/ota` names it. */
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
export type Extension = (typeof EXTENSIONS)[number];
