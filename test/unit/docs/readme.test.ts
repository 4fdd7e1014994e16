import { describe, expect, test } from 'vitest';
import { blocksIn } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';

const README = readText('README.md');

describe('the README', () => {
  test('has 180 lines at most', () => {
    expect(README.trimEnd().split('\n').length).toBeLessThanOrEqual(180);
  });

  test('shows the commands to try and to test a clone', () => {
    const lines = blocksIn(README, 'sh').flatMap(({ text }) => text.split('\n'));
    expect(lines).toContain('npm ci && npm run quickstart');
    expect(lines).toContain('npm ci && npm test');
  });

  test('calls npm scripts that exist, as do CONTRIBUTING.md and the workflow of this repository', () => {
    const { scripts } = JSON.parse(readText('package.json'));
    const texts = [README, readText('CONTRIBUTING.md'), readText('.github/workflows/ci.yml')];
    const called = texts.flatMap((text) => [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name));
    expect(called.length).toBeGreaterThan(4);
    for (const name of called) expect(scripts).toHaveProperty([name ?? '']);
  });

  test('has one picture, with a text alternative', () => {
    const pictures = [...README.matchAll(/<img src="([^"]+)"[^>]* alt="([^"]+)"/g)];
    expect(pictures).toHaveLength(1);
    const [, path = '', description = ''] = pictures[0] ?? [];
    expect(readText(path)).toMatch(/^<svg .*<title.*<\/svg>\n$/s);
    expect(description.length).toBeGreaterThan(100);
  });
});
