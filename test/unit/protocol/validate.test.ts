import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { fieldErrors, matches } from '../../../src/protocol/validate.ts';

const Part = Type.Object({
  name: Type.String({ pattern: '^[a-z]+$', description: 'lower-case letters' }),
  size: Type.Integer({ minimum: 1 }),
});
const Order = Type.Object({
  id: Type.String({ minLength: 3, pattern: '^[a-z]+$', description: 'three letters or more' }),
  count: Type.Integer(),
  urgent: Type.Optional(Type.Boolean()),
  note: Type.Optional(Type.Union([Type.String({ description: 'text' }), Type.Null()])),
  parts: Type.Optional(Type.Array(Part)),
});
const VALID = { id: 'abc', count: 1 };

describe('attack long lists: a list with more items than it may have', () => {
  const List = Type.Array(Type.String(), { maxItems: 3, uniqueItems: true, description: 'three texts' });
  const unread = new Proxy(Array(4), {
    get: (list, name) => {
      if (/^\d+$/.test(String(name))) throw new Error('an item was read');
      return Reflect.get(list, name);
    },
  });

  test.each([
    ['itself', List, unread, 'body'],
    ['in a field', Type.Object({ names: Type.Optional(List) }), { names: unread }, 'names'],
    [
      'in a field that may be null',
      Type.Object({ names: Type.Union([List, Type.Null()]) }),
      { names: unread },
      'names',
    ],
    [
      'in each item of another',
      Type.Array(Type.Object({ names: List }), { maxItems: 9 }),
      [{ names: [] }, { names: unread }],
      '1.names',
    ],
  ])('%s is refused before its items are looked at', (_, schema, value, field) => {
    expect(matches(schema, value)).toBe(false);
    expect(fieldErrors(schema, value)).toEqual([{ field, message: 'must be three texts' }]);
  });

  test('is refused with a number where nothing describes it', () => {
    expect(fieldErrors(Type.Array(Type.String(), { maxItems: 1 }), ['a', 'b'])).toEqual([
      { field: 'body', message: 'must be a list of at most 1' },
    ]);
  });
});

describe('matches', () => {
  test.each([
    ['the required fields alone', VALID],
    ['every field', { ...VALID, urgent: false, note: 'soon', parts: [{ name: 'wheel', size: 4 }] }],
    ['null if it is allowed', { ...VALID, note: null }],
    ['a field it does not know', { ...VALID, colour: 'red' }],
    ['a whole number written with a point', JSON.parse('{"id":"abc","count":1.0}')],
  ])('accepts %s', (_, value) => {
    expect(matches(Order, value)).toBe(true);
    expect(fieldErrors(Order, value)).toEqual([]);
  });

  test.each([
    ['digits for a number', { ...VALID, count: '1' }],
    ['true for a number', { ...VALID, count: true }],
    ['nothing for a number', { ...VALID, count: null }],
    ['a number for text', { ...VALID, note: 5 }],
    ['the word for a boolean', { ...VALID, urgent: 'true' }],
    ['1 for a boolean', { ...VALID, urgent: 1 }],
    ['one item for a list', { ...VALID, parts: { name: 'wheel', size: 4 } }],
    ['a list of one for text', { ...VALID, id: ['abc'] }],
    ['JSON text for the object', JSON.stringify(VALID)],
  ])('does not coerce %s', (_, value) => {
    expect(matches(Order, value)).toBe(false);
    expect(fieldErrors(Order, value)).toHaveLength(1);
  });

  test('does not change the value', () => {
    const value = Object.freeze({ ...VALID, colour: 'red' });
    expect(matches(Order, value)).toBe(true);
    expect(value).toEqual({ id: 'abc', count: 1, colour: 'red' });
  });
});

describe('fieldErrors', () => {
  test('names every missing field', () => {
    expect(fieldErrors(Order, {})).toEqual([
      { field: 'id', message: 'is required' },
      { field: 'count', message: 'is required' },
    ]);
  });

  test('names a field once, in the words of its description, however many rules it breaks', () => {
    expect(fieldErrors(Order, { ...VALID, id: '1' })).toEqual([
      { field: 'id', message: 'must be three letters or more' },
    ]);
  });

  test('finds the description of a field that may also be null', () => {
    expect(fieldErrors(Order, { ...VALID, note: 5 })).toEqual([{ field: 'note', message: 'must be text' }]);
  });

  test('describes the error of a field without a description', () => {
    const errors = fieldErrors(Order, { ...VALID, count: 1.5 });
    expect(errors).toEqual([{ field: 'count', message: expect.stringContaining('integer') }]);
  });

  test('names a field inside a list by its path', () => {
    const parts = [
      { name: 'wheel', size: 4 },
      { name: 'NUT', size: 0 },
    ];
    expect(fieldErrors(Order, { ...VALID, parts })).toEqual([
      { field: 'parts.1.name', message: 'must be lower-case letters' },
      { field: 'parts.1.size', message: expect.any(String) },
    ]);
  });

  test('names a field that is missing inside a list by its path', () => {
    expect(fieldErrors(Order, { ...VALID, parts: [{ size: 4 }] })).toEqual([
      { field: 'parts.0.name', message: 'is required' },
    ]);
  });

  test.each([
    ['null', null],
    ['a list', []],
    ['text', 'abc'],
    ['a number', 1],
    ['nothing', undefined],
  ])('calls the whole value the body when it is %s', (_, value) => {
    expect(fieldErrors(Order, value).map(({ field }) => field)).toEqual(['body']);
  });

  test('repeats nothing of the value, which may be a secret', () => {
    const secret = 'S3CRET';
    const value = { id: secret, count: secret, note: [secret], parts: [{ name: secret, size: secret }] };
    const errors = fieldErrors(Order, value);
    expect(errors).toHaveLength(5);
    expect(JSON.stringify(errors)).not.toContain(secret);
  });
});
