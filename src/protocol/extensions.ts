/** What this server can do beyond api.md (docs/reference/http-api.md): all but `multipart` always. */
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
  'file-name',
  'latest',
  'paging',
  'publish-state',
  'lost-files',
  'multipart',
  'custom-targets',
  'close',
  'approval',
  'trusted-publishing',
  'bound-signatures',
  'manifest',
  'attestation',
  'latest-json',
  'rollout',
  'promote',
  'policy',
  'stats',
  'events',
  'explain',
  'simulate',
  'feeds',
] as const;

/** What it can do besides when uploads go to a remote storage. */
export const REMOTE_EXTENSIONS = ['complete-upload'] as const;

export type Extension = (typeof EXTENSIONS)[number] | (typeof REMOTE_EXTENSIONS)[number];
