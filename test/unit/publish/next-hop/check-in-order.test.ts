import { describe, expect, test } from 'vitest';
import {
  type ClassifiedEndpoint,
  checkInOrder,
  summarize,
} from '../../../../src/publish/next-hop/check-in-order.ts';
import type { Verdict } from '../../../../src/publish/next-hop/classify-response.ts';
import { LINUX, MAC } from '../../../support/tauri/local-file.ts';

const OURS: Verdict = { kind: 'ours' };
const FAILS: Verdict = { kind: 'mismatch', cause: 'fails', endsTheCheck: false, isFallback: false };
const ENDS: Verdict = { kind: 'mismatch', cause: 'ends', endsTheCheck: true, isFallback: false };
const FOREIGN: Verdict = { kind: 'mismatch', cause: 'foreign', endsTheCheck: true, isFallback: true };
const FATAL = { kind: 'fatal', cause: 'fatal' } as const;

function check(...verdicts: readonly ClassifiedEndpoint['verdict'][]) {
  const endpoints = verdicts.map((verdict, index) => ({ endpoint: String(index), verdict }));
  return checkInOrder(endpoints, LINUX).map(
    ({ endpoint, isIssue }) => `${endpoint} ${isIssue ? 'issue' : 'warning'}`,
  );
}

describe('field 2: endpoints are gone through in order:', () => {
  test.each([
    ['the only one leads here', [OURS], []],
    ['the only one will lead here', [{ kind: 'pending' }], []],
    ['the only one does not', [FAILS], ['0 issue']],
    ['none does', [FAILS, ENDS, FOREIGN], ['0 issue', '1 issue', '2 issue']],
    ['one before fails', [FAILS, OURS], ['0 warning']],
    ['one before ends the check', [ENDS, OURS], ['0 issue']],
    ['one before is another source', [FOREIGN, OURS], ['0 issue']],
    ['one after fails', [OURS, FAILS], ['1 warning']],
    ['one after is another source', [OURS, FOREIGN], []],
    ['one after is rejected by the updater', [OURS, FATAL], ['1 issue']],
    ['the first could not be checked', [{ kind: 'unchecked', cause: 'c' }, FOREIGN], ['0 warning']],
    ['there is none', [], []],
  ] as [string, ClassifiedEndpoint['verdict'][], string[]][])('%s', (_, verdicts, expected) => {
    expect(check(...verdicts)).toEqual(expected);
  });
});

test('field 2: the same for all platforms is one line, else the platforms are named', () => {
  const finding = { endpoint: 'e', cause: 'c', isIssue: true };
  const all = [LINUX, MAC].map((platform) => ({ ...finding, platform }));
  expect(summarize(all, [LINUX, MAC])).toEqual({ issues: ['e: c'], warnings: [] });
  expect(summarize([...all.slice(0, 1), ...all.slice(0, 1)], [LINUX, MAC])).toEqual({
    issues: ['e: c (for linux-x86_64)'],
    warnings: [],
  });
});
