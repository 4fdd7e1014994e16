import { OtaError } from '../errors.ts';
import { parseBoundedJson } from '../runtime/text/bounded-json.ts';
import type { ExportedFile } from './static-answers.ts';

/** Says since when nothing leads to files that are still there; also marks a place as an export. */
export const STATE_FILE = '.synckit-ota-export.json';

export interface ExportState {
  /** Paths, each with when that was first seen. */
  readonly unreferenced: Readonly<Record<string, string>>;
}

/**
 * Where the export of one app is. Whoever reads it sees each file as it was, or as it is, never a part of it. What is
 * written or fetched is kept; `removeOthers` removes the rest.
 */
export interface ExportPlace {
  /** Writes a file unless it has that text already. */
  write(path: string, text: string): Promise<void>;
  /**
   * Fetches a file unless it is there with these bytes.
   * @param read streams it from its first byte; may be called again
   * @returns whether it was fetched
   * @throws OtaError `verification_failed` where it has other bytes: then nothing of it is there
   */
  fetch(file: ExportedFile, read: () => AsyncIterable<Uint8Array>): Promise<boolean>;
  /**
   * Removes what nothing leads to any more, once it was found like that for long enough: who has read an answer still gets
   * its file.
   * @param graceMs in milliseconds
   * @returns the paths that were removed
   */
  removeOthers(now: Date, graceMs: number): Promise<string[]>;
}

/** Which of the files that nothing leads to are removed, and what is remembered of the others. */
export function overdue(
  others: readonly string[],
  before: ExportState,
  { now, graceMs }: { readonly now: Date; readonly graceMs: number },
): { readonly due: readonly string[]; readonly state: ExportState } {
  const since = (path: string) => before.unreferenced[path] ?? now.toISOString();
  const due = others.filter((path) => now.getTime() - Date.parse(since(path)) >= graceMs);
  const kept = others.filter((path) => !due.includes(path)).map((path) => [path, since(path)] as const);
  return { due, state: { unreferenced: Object.fromEntries(kept) } };
}

export function parseState(text: string): ExportState {
  try {
    const { unreferenced } = parseBoundedJson(text) as Partial<ExportState>;
    const entries = Object.entries(unreferenced ?? {});
    return { unreferenced: Object.fromEntries(entries.filter(([, at]) => !Number.isNaN(Date.parse(at)))) };
  } catch {
    return { unreferenced: {} };
  }
}

export function notAnExport(place: string): OtaError {
  return new OtaError('usage', `${place} is no export of synckit-ota: it has other files`, {
    hint: 'Name another place: an export removes what it does not need from its own.',
  });
}

export function otherBytes(path: string): OtaError {
  return new OtaError('verification_failed', `${path} is served with other bytes than were published`, {
    hint: 'Run `synckit-ota fsck` on the server, or publish the file again.',
  });
}
