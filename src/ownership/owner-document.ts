import Type, { type Static } from 'typebox';
import { matches } from '../protocol/validate.ts';
import { parseBoundedJson } from '../runtime/text/bounded-json.ts';

const OwnerDocumentSchema = Type.Object({
  /** The database's own id, which every copy of it has too. */
  database_id: Type.String(),
  /** `server` and `instance` of its `DatabaseIdentity`. */
  server: Type.String(),
  instance: Type.String(),
  epoch: Type.Integer(),
  nonce: Type.String(),
  /** By the clock of the database then, for people: nothing is decided by it. */
  renewed_at: Type.Integer(),
  /** The process that renewed it, for people. */
  holder: Type.String(),
});

/** What a place of files says of the database that they belong to. */
export type OwnerDocument = Static<typeof OwnerDocumentSchema>;

export function formatOwner(owner: OwnerDocument): string {
  return `${JSON.stringify(owner, null, 2)}\n`;
}

/** @returns undefined for anything else */
export function parseOwner(text: string): OwnerDocument | undefined {
  try {
    const value: unknown = parseBoundedJson(text);
    return matches(OwnerDocumentSchema, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
