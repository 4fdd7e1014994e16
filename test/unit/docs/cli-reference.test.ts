import { expect, test } from 'vitest';
import { CLI_REFERENCE, cliReference } from '../../support/docs/cli-reference.ts';
import { readText } from '../../support/docs/pages.ts';

test('the page of the command line is what `npm run docs` generates', () => {
  expect(readText(CLI_REFERENCE), 'run `npm run docs`').toBe(cliReference());
});
