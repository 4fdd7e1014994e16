import { statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { blocksIn } from '../../support/docs/markdown.ts';
import { ROOT, readText } from '../../support/docs/pages.ts';

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

  test('has a drawing of how it works and a picture of the page, with text alternatives', () => {
    const pictures = [...README.matchAll(/<img src="([^"]+)"[^>]* alt="([^"]+)"/g)];
    expect(pictures.map(([, path]) => path)).toEqual(['docs/how-it-works.svg', 'docs/operator-page.png']);
    for (const [, , description = ''] of pictures) expect(description.length).toBeGreaterThan(100);
    expect(readText('docs/how-it-works.svg')).toMatch(/^<svg .*<title.*<\/svg>\n$/s);
    expect(statSync(`${ROOT}/docs/operator-page.png`).size).toBeLessThan(80_000);
  });
});
