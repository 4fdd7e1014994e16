import { expect, test } from 'vitest';
import { appTag } from '../../../src/protocol/app-tag.ts';

test('field 2: the tag of an app is always the same, another for each app, and does not contain the id', () => {
  const id = '880b1700-5f0e-4b5c-9f5e-0d3f2f7a1c11';
  expect(appTag(id)).toBe('8a9f47124b9e74fb24bc3e968637b023');
  expect(appTag(`${id} `)).not.toBe(appTag(id));
  expect(id).not.toContain(appTag(id).slice(0, 8));
});
