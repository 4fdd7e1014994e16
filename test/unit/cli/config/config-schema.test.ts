import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Schema from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { readConfigFile } from '../../../../src/cli/config/config-file.ts';
import { CONFIG_SCHEMA_FILE, configJsonSchema } from '../../../../src/cli/config/config-schema.ts';
import { CONFIG_FILE } from '../../../../src/cli/config/find-config-file.ts';
import { ROOT, readText } from '../../../support/docs/pages.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const published = JSON.parse(readText(CONFIG_SCHEMA_FILE));

describe('the published schema of the config file', () => {
  test('is what `npm run docs` generates', () => {
    expect(published, 'run `npm run docs`').toEqual(configJsonSchema());
  });

  test('is in the package, where the documentation says it is', () => {
    const { name, files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(files).toContain(CONFIG_SCHEMA_FILE);
    const page = readText('docs/publishing/config-file.md');
    expect(page).toContain(`"$schema": "./node_modules/${name}/${CONFIG_SCHEMA_FILE}"`);
  });

  test('explains every setting to an editor', () => {
    for (const [name, { title, description }] of Object.entries<Record<string, unknown>>(
      published.properties,
    ))
      expect(title ?? description, name).toEqual(expect.any(String));
  });

  test.each([
    [{}],
    [{ $schema: './s.json', server: 'https://a.example', app: 'a1', concurrency: 4, wait: '5m' }],
    [{ artifacts: { 'linux-x86_64': 'dist/*' }, expect: ['linux-x86_64'], channel: 'beta' }],
    [{ config: ['a.json', { version: '1.0.0' }] }],
    [{ config: {} }],
    [{ concurrency: '4' }],
    [{ concurrency: 1.5 }],
    [{ expect: 'linux-x86_64' }],
    [{ artifacts: {} }],
    [{ artifacts: { 'linux-x86_64': '' } }],
    [{ channel: 'Beta!' }],
    [{ config: 5 }],
    [{ slugs: 'my-app' }],
    [[]],
    ['text'],
  ])('accepts what the command accepts, and nothing else: %j', async (value) => {
    const folder = await tempFolder();
    await writeFile(join(folder, CONFIG_FILE), JSON.stringify(value));
    const isAccepted = () => {
      try {
        readConfigFile(folder);
        return true;
      } catch {
        return false;
      }
    };
    expect(Schema.Check(published, value)).toBe(isAccepted());
  });
});
