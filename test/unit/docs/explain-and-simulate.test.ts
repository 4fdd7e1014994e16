import { expect, test } from 'vitest';
import { NOTE_RULES, RELEASE_RULES } from '../../../src/protocol/routing/release-rules.ts';
import { sectionsOf, tableRows } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';

test('the page has every rule, with what it means', () => {
  const text = sectionsOf(readText('docs/publishing/explain-and-simulate.md'))
    .filter(({ heading }) => heading === 'Why an app is offered what it is')
    .map((section) => section.text)
    .join('\n');
  const rows = tableRows(text).map(([rule = '', means = '']) => [rule.replaceAll('`', ''), means]);
  expect(Object.fromEntries(rows)).toMatchObject({ ...RELEASE_RULES, ...NOTE_RULES });
});
