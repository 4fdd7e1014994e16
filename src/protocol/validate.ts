import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { FieldError } from './problem.ts';

/** Whether `value` satisfies the schema, without coercion. */
export function matches<T extends TSchema>(schema: T, value: unknown): value is Static<T> {
  return findTooLong(schema, value) === undefined && Value.Check(schema, value);
}

/** Every field of `value` that breaks the schema, described by the schema's `description` where it has one. */
export function fieldErrors(schema: TSchema, value: unknown): FieldError[] {
  const tooLong = findTooLong(schema, value);
  if (tooLong !== undefined) return [describeTooLong(schema, tooLong)];
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

interface LongList {
  readonly instancePath: string;
  readonly maxItems: number;
}

/**
 * The first list with more items than it may have. Found before anything else is: the library looks at all items first, and
 * compares them with each other, which for thousands of them takes seconds.
 */
function findTooLong(schema: TSchema, value: unknown, instancePath = ''): LongList | undefined {
  if (!mayHoldLists(schema)) return undefined;
  if (Type.IsUnion(schema))
    return firstOf(schema.anyOf, (option) => findTooLong(option, value, instancePath));
  if (Type.IsArray(schema) && Array.isArray(value)) {
    const maxItems = maxItemsOf(schema);
    if (value.length > maxItems) return { instancePath, maxItems };
    if (!mayHoldLists(schema.items)) return undefined;
    return firstOf(value.entries(), ([i, item]) => findTooLong(schema.items, item, `${instancePath}/${i}`));
  }
  if (!Type.IsObject(schema) || typeof value !== 'object' || value === null) return undefined;
  return firstOf(Object.entries(schema.properties), ([name, inner]) =>
    Object.hasOwn(value, name)
      ? findTooLong(inner, Reflect.get(value, name), `${instancePath}/${name}`)
      : undefined,
  );
}

const listHolders = new WeakMap<TSchema, boolean>();

/** Whether a value of the schema can be a list, or have one in it. */
function mayHoldLists(schema: TSchema): boolean {
  const known = listHolders.get(schema);
  if (known !== undefined) return known;
  const inner = Type.IsUnion(schema)
    ? schema.anyOf
    : Type.IsObject(schema)
      ? Object.values(schema.properties)
      : [];
  const holds = Type.IsArray(schema) || inner.some(mayHoldLists);
  listHolders.set(schema, holds);
  return holds;
}

function maxItemsOf(schema: TSchema): number {
  return 'maxItems' in schema && typeof schema.maxItems === 'number'
    ? schema.maxItems
    : Number.POSITIVE_INFINITY;
}

function firstOf<Item, Found>(
  items: Iterable<Item>,
  find: (item: Item) => Found | undefined,
): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function describeTooLong(schema: TSchema, { instancePath, maxItems }: LongList): FieldError {
  const description = describedAt(schema, instancePath) ?? `a list of at most ${maxItems}`;
  return { field: fieldName(instancePath), message: `must be ${description}` };
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
