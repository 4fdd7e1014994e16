import { describe, expect, test } from 'vitest';
import { issuesOf } from '../../../../src/issue.ts';
import { MAX_JSON_BODY_BYTES } from '../../../../src/protocol/messages.ts';
import { plan } from '../../../../src/publish/plan/plan.ts';
import { notesToFill } from '../../../../src/publish/plan/release-notes.ts';
import { artifact, BASE, OURS, REQUEST, release } from '../../../support/publish/plan-inputs.ts';

describe('field 6: the notes of a draft', () => {
  test.each([
    ['that has none are filled in', 'draft', null, 'Fixes.', OURS, 'Fixes.'],
    ['with empty notes are filled in', 'draft', '', 'Fixes.', OURS, 'Fixes.'],
    ['that has some stay', 'draft', 'First.', 'Fixes.', OURS, undefined],
    ['stay without new ones', 'draft', null, undefined, OURS, undefined],
    ['stay if the new ones are empty', 'draft', null, '', OURS, undefined],
    ['that went live stay', 'published', null, 'Fixes.', OURS, undefined],
    ['that was yanked stay', 'yanked', null, 'Fixes.', OURS, undefined],
    ['stay on a server that cannot change them', 'draft', null, 'Fixes.', BASE, undefined],
  ])('%s', (_, status, before, notes, server, filled) => {
    expect(notesToFill({ status, notes: before }, { notes }, server)).toBe(filled);
  });
});

describe('field 6: notes that are too long', () => {
  const notes = 'ä'.repeat(MAX_JSON_BODY_BYTES / 2);
  const draft = release('1.2.0', { status: 'draft', notes: null, channel: 'stable', artifacts: [] });

  test.each([
    ['for a new release', []],
    ['for a draft without notes', [draft]],
  ])('are refused %s, with their source and both sizes', (_, releases) => {
    const request = { ...REQUEST, notes, notesSource: 'the section 1.2.0 of CHANGELOG.md' };
    const issues = issuesOf(plan(request, [artifact()], { ...OURS, releases }));
    expect(issues).toMatchObject([{ id: 'release.notes_too_long', code: 'preflight_refused' }]);
    const [{ message = '' } = {}] = issues;
    expect(message).toContain('the section 1.2.0 of CHANGELOG.md');
    expect(message).toContain(String(MAX_JSON_BODY_BYTES));
    expect(message).toMatch(/has 655\d\d$/);
  });

  test('are no issue for a release that keeps its own', () => {
    const releases = [{ ...draft, notes: 'First.' }];
    expect(plan({ ...REQUEST, notes }, [artifact()], { ...OURS, releases }).kind).toBe('ok');
  });
});
