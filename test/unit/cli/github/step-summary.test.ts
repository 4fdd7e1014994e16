import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  failureSummary,
  resultSummary,
  type StepArtifact,
  type StepResult,
} from '../../../../src/cli/github/step-summary.ts';

const ARTIFACT: StepArtifact = {
  target: 'linux',
  arch: 'x86_64',
  file: 'dist/App.AppImage',
  size: 2_000_000,
  sha256: 'ab'.repeat(32),
  action: 'uploaded',
  verified: true,
};
const RESULT: StepResult = {
  status: 'published',
  version: '1.2.0',
  releaseId: 'r1',
  checkUrl: 'https://u.example/api',
  artifacts: [
    ARTIFACT,
    { ...ARTIFACT, target: 'windows', bundleType: 'nsis', action: 'skipped', verified: false },
  ],
};
const FAILURE = { code: 'network', message: 'No answer', hint: 'Check it.', retryable: true };

/** Cells of each row of the table, as they are shown. */
function rowsOf(markdown: string): string[][] {
  const lines = markdown.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => shown(cell.trim())),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

/** A text as a browser shows it. */
function shown(markdown: string): string {
  return markdown
    .replace(/<\/?(code|pre)>/g, '')
    .replace(/&(?:#(\d+)|lt|gt|amp);/g, (entity, point) => ENTITIES[entity] ?? String.fromCodePoint(point));
}

describe('the summary of a result', () => {
  test('has a table of the files, and the warnings', () => {
    const markdown = resultSummary('synckit-ota publish', RESULT, ['mind this']);
    expect(markdown.split('\n\n').map(shown)).toEqual([
      '### synckit-ota publish: published 1.2.0',
      'Release r1',
      'Installed apps check for updates at https://u.example/api',
      expect.stringContaining('| --- | --- | --- | --- | --- | --- |'),
      '- Warning: mind this',
      '',
    ]);
    expect(rowsOf(markdown)).toEqual([
      ['Platform', 'File', 'Size', 'SHA-256', 'Action', 'Verified'],
      ['---', '---', '---', '---', '---', '---'],
      ['linux-x86_64', 'dist/App.AppImage', '2 MB', ARTIFACT.sha256, 'uploaded', 'yes'],
      ['windows-x86_64-nsis', 'dist/App.AppImage', '2 MB', ARTIFACT.sha256, 'skipped', 'no'],
    ]);
  });

  test('leaves out empty parts', () => {
    expect(shown(resultSummary('synckit-ota publish slug', { checkUrl: 'https://u.example' }, []))).toBe(
      '### synckit-ota publish slug\n\nInstalled apps check for updates at https://u.example\n\n',
    );
  });
});

describe('the summary of an error', () => {
  test('says why, what to do, whether to try again, and how far it got', () => {
    const partial = { ...RESULT, artifacts: [{ ...ARTIFACT, sha256: undefined, action: 'not uploaded' }] };
    const markdown = failureSummary('synckit-ota publish', FAILURE, { ...partial, warnings: ['mind this'] });
    expect(markdown.split('\n\n').map(shown)).toEqual([
      '### synckit-ota publish: failed',
      'No answer\nCheck it.\nThe same command can be run again.',
      'Error network, release 1.2.0 (r1)',
      expect.stringContaining('not uploaded'),
      '- Warning: mind this',
      '',
    ]);
    expect(rowsOf(markdown)[2]?.[3]).toBe('');
  });

  test('has nothing else if nothing was started', () => {
    const failure = { code: 'usage', message: 'No <token>', hint: null, retryable: false };
    expect(failureSummary('publish', failure, { warnings: [] })).toBe(
      '### publish&#58; failed\n\n<pre>No &lt;token&gt;</pre>\n\nError <code>usage</code>\n\n',
    );
  });
});

describe('a name from a server or file', () => {
  const HOSTILE = [
    'a|b.exe',
    '`code`.exe',
    '<img src=x onerror=alert(1)>',
    '</pre><script>',
    '[link](https://evil.example)',
    '![image](https://evil.example/x.png)',
    '**bold** _it_ ~~gone~~ $x$',
    '@somebody #1 :tada:',
    'a\nb\r\n| c |',
    '\\',
    '&lt;',
  ];

  test.each(HOSTILE)('is shown literally: %j', (name) => {
    const artifact = { ...ARTIFACT, file: name };
    const oneLine = name.replace(/\s+/g, ' ');
    const markdown = resultSummary('synckit-ota publish', { artifacts: [artifact] }, [name]);
    expect(rowsOf(markdown)[2]).toEqual([
      'linux-x86_64',
      oneLine,
      '2 MB',
      ARTIFACT.sha256,
      'uploaded',
      'yes',
    ]);
    expect(shown(markdown)).toContain(`- Warning: ${oneLine}`);
    const [, , row = ''] = markdown.split('\n').filter((line) => line.startsWith('|'));
    const cell = row.split('|')[2] ?? '';
    expect(cell.replace(/&#\d+;/g, '')).not.toMatch(/[&<>\\`*_[\]#~$@:!]/);

    const failed = failureSummary('synckit-ota publish', { ...FAILURE, message: name }, { warnings: [] });
    expect(failed.match(/<[^>]*>/g)).toEqual(['<pre>', '</pre>', '<code>', '</code>']);
    expect(shown(failed)).toContain(name);
  });

  test('keeps the table at six columns', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const artifacts = [{ ...ARTIFACT, file: name, action: name }];
        for (const row of rowsOf(resultSummary(name, { status: name, artifacts }, [name])))
          expect(row).toHaveLength(6);
      }),
    );
  });

  test("is cut at GitHub's limit", () => {
    const long = '|'.repeat(100_000);
    const warnings = Array.from({ length: 1000 }, (_, i) => `warning ${i} ${'x'.repeat(1000)}`);
    const markdown = failureSummary('publish', { ...FAILURE, message: long, hint: long }, { warnings });
    expect(Buffer.byteLength(markdown)).toBeLessThan(200_000);
    expect(markdown).toContain('- and 950 more');
  });
});
