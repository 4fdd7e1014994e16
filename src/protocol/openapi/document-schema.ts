import { IsObject, IsSchema, IsUnion, type TSchema } from 'typebox';
import { Envelope } from '../manifest/envelope.ts';
import * as messages from '../messages.ts';
import { ProblemBody } from '../problem.ts';

/** JSON, as a schema of the document is. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

const exported: Readonly<Record<string, unknown>> = { ...messages, Envelope, Problem: ProblemBody };

/** The schemas that have a name of their own in the document. Queries are no bodies, so their fields are written out. */
const NAMED: ReadonlyMap<unknown, string> = new Map(
  Object.entries(exported)
    .filter(([name, value]) => (IsObject(value) || IsUnion(value)) && !name.endsWith('Query'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => [schema, name]),
);

/** `components.schemas`. */
export function namedSchemas(): { readonly [name: string]: Json } {
  return Object.fromEntries([...NAMED].map(([schema, name]) => [name, written(schema)]));
}

/** A schema as the document has it: a reference, where it has a name. */
export function schemaOf(schema: TSchema): Json {
  return referenceOrWritten(schema);
}

function referenceOrWritten(value: unknown): Json {
  const name = NAMED.get(value);
  return name === undefined ? written(value) : { $ref: `#/components/schemas/${name}` };
}

/** What is `undefined` in a body is left out of it, which JSON Schema has no word for. */
function written(value: unknown): Json {
  if (Array.isArray(value)) return value.filter((each) => !isUndefined(each)).map(referenceOrWritten);
  if (typeof value !== 'object' || value === null) return value as Json;
  const entries = Object.entries(value).map(([name, each]) => {
    const isSentence = name === 'description' && typeof each === 'string';
    return [name, isSentence ? sentence(each) : referenceOrWritten(each)];
  });
  return { ...('enum' in value && { type: 'string' }), ...Object.fromEntries(entries) };
}

function isUndefined(value: unknown): boolean {
  return IsSchema(value) && 'type' in value && value.type === 'undefined';
}

/** Descriptions of fields complete the sentence "<field> must be …". */
function sentence(description: string): string {
  return /^\w+ /.test(description) ? `${description[0]?.toUpperCase()}${description.slice(1)}.` : description;
}
