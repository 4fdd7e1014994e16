import type { Issue } from '../../issue.ts';
import {
  MAX_JSON_BODY_BYTES,
  type ReleaseResponse,
  type UpdateReleaseRequest,
} from '../../protocol/messages.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { type Capabilities, supports } from '../server-state/server-state.ts';

/**
 * The notes that a draft takes from this run, because it has none: the job that created it may have had no changelog. A
 * live release keeps its notes, and so does a draft on a server that cannot change them.
 */
export function notesToFill(
  existing: Pick<ReleaseResponse, 'status' | 'notes'>,
  { notes }: Pick<ReleaseRequest, 'notes'>,
  server: Capabilities,
): string | undefined {
  const isEmpty = (existing.notes ?? '') === '';
  return existing.status === 'draft' && isEmpty && supports(server, 'yank') ? notes || undefined : undefined;
}

/** The change that fills them in, unless another job was faster. */
export function fillingChange(notes: string): UpdateReleaseRequest {
  return { notes, only_if_empty: true };
}

export function keptNotesWarning(version: string): string {
  return `the notes of ${version} stay as they were first published; change them with \`releases edit\``;
}

/** Our server's limit is known, so a request that exceeds it is never sent. */
export function notesSizeIssues(
  body: { readonly notes?: string | null | undefined },
  { notesSource }: Pick<ReleaseRequest, 'notesSource'>,
  server: Capabilities,
): Issue[] {
  const size = Buffer.byteLength(JSON.stringify(body));
  const ofOurs = supports(server, 'artifact-signature') ? MAX_JSON_BODY_BYTES : Number.POSITIVE_INFINITY;
  const largest = server.limits?.json_body ?? ofOurs;
  if (size <= largest) return [];
  const what = notesSource === undefined ? 'the notes' : `the notes (${notesSource})`;
  const message = `${what} are too long: a release may have ${largest} bytes, this one has ${size}`;
  const hint = 'Shorten them, or pass --notes with a link to a page with the full notes.';
  return [{ id: 'release.notes_too_long', code: 'preflight_refused', message, hint }];
}
