import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { FieldError } from './problem.ts';

/** Whether `value` satisfies the schema, without coercion. */
export function matches<T extends TSchema>(schema: T, value: unknown): value is Static<T> {
  return Value.Check(schema, value);
}

/** Every field of `value` that breaks the schema, described by the schema's `description` where it has one. */
export function fieldErrors(schema: TSchema, value: unknown): FieldError[] {
  const found = new Map<string, string>();
  for (const error of Value.Errors(schema, value)) {
    if (error.keyword === 'required') {
      for (const name of error.params.requiredProperties) {
        setOnce(found, joinPath(error.instancePath, name), 'is required');
      }
    } else {
      const description = describedAt(schema, error.instancePath);
      setOnce(found, fieldName(error.instancePath), description ? `must be ${description}` : error.message);
    }
  }
  return [...found].map(([field, message]) => ({ field, message }));
}

function setOnce(map: Map<string, string>, key: string, value: string): void {
  if (!map.has(key)) map.set(key, value);
}

/** `/artifacts/0/target` as `artifacts.0.target`; the whole value is called `body`. */
function fieldName(instancePath: string): string {
  return instancePath === '' ? 'body' : instancePath.slice(1).replaceAll('/', '.');
}

function joinPath(instancePath: string, name: string): string {
  return fieldName(`${instancePath}/${name}`);
}

function describedAt(schema: TSchema, instancePath: string): string | undefined {
  let current = schema;
  for (const step of instancePath.split('/').slice(1)) {
    const inner = innerSchema(current, step);
    if (inner === undefined) return undefined;
    current = inner;
  }
  const options = Type.IsUnion(current) ? current.anyOf : [];
  return [current, ...options].map(descriptionOf).find((description) => description !== undefined);
}

function innerSchema(schema: TSchema, step: string): TSchema | undefined {
  if (Type.IsObject(schema)) return schema.properties[step];
  return Type.IsArray(schema) ? schema.items : undefined;
}

function descriptionOf(schema: TSchema): string | undefined {
  return 'description' in schema && typeof schema.description === 'string' ? schema.description : undefined;
}
