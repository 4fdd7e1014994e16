import { expect, test } from 'vitest';
import { errorCode, messageOf } from '../../../src/runtime/error-details.ts';

test.each([
  [new Error('it failed'), 'it failed'],
  ['text', 'text'],
  [undefined, 'undefined'],
])('the message of %o', (thrown, message) => {
  expect(messageOf(thrown)).toBe(message);
});

test.each([
  [Object.assign(new Error(), { code: 'ENOENT' }), 'ENOENT'],
  [{ code: '53100' }, '53100'],
  [{ code: 5 }, undefined],
  [new Error('it failed'), undefined],
  [null, undefined],
  ['ENOENT', undefined],
])('the code of %o', (thrown, code) => {
  expect(errorCode(thrown)).toBe(code);
});
