import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const SOURCES = new URL('../../src/', import.meta.url);

function usersOf(name: string): string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files
    .filter((file) => new RegExp(`\\b${name}\\b`).test(readFileSync(new URL(file, SOURCES), 'utf8')))
    .sort();
}

test('attack scanner: only commands on the server name an issuer, and nothing else is asked for keys', () => {
  expect(usersOf('addTrustedPublisher')).toEqual([
    'cli/commands/trust.ts',
    'database/queries/trusted-publishers.ts',
  ]);
  expect(usersOf('fetchDocument')).toEqual(['identity/fetch-document.ts', 'identity/issuer-keys.ts']);
});
