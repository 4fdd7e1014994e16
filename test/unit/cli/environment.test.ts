import { expect, test } from 'vitest';
import { isPlain } from '../../../src/cli/environment.ts';

test.each([
  [{ CI: 'true' }, true],
  [{ CI: '1' }, true],
  [{ CI: 'woodpecker' }, true],
  [{ GITHUB_ACTIONS: 'true' }, true],
  [{ TERM: 'dumb' }, true],
  [{}, false],
  [{ CI: '' }, false],
  [{ CI: 'false' }, false],
  [{ CI: 'FALSE' }, false],
  [{ CI: '0' }, false],
  [{ TERM: 'xterm-256color', GITHUB_ACTIONS: '' }, false],
])('with %j output is plain: %s', (environment, plain) => {
  expect(isPlain(environment)).toBe(plain);
});
