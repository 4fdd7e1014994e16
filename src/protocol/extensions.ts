/** What our server can do beyond api.md, as `GET /api/sync/ota` names it. */
export const EXTENSIONS = ['artifact-signature', 'app', 'draft', 'expect', 'channel', 'yank'] as const;
export type Extension = (typeof EXTENSIONS)[number];
