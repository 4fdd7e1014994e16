import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

/** In every place where a shell, a URL or a regular expression may take them for something else. */
const PASSWORDS = [
  '12/S3cretTail',
  '7/e4Zq8w',
  'QqXx@Zz99/w#rd%41?:&',
  'QqXx12345?Zz99',
  '12345?QqZz99',
  '1#QqXxZz99',
  '1/QqXx@ZzYy@99Kk',
  '1\\QqXx99',
  "QqX'x=Zz99",
  'QqX x%zzKk99',
  '1/QqXx?ZzYy#KkJj',
];
const generated = fc.sample(
  fc.string({ minLength: 6, maxLength: 14, unit: fc.constantFrom(...'QqXxZz379/?#@:%&=\\\'" ') }),
  { numRuns: 12, seed: 15 },
);

type Build = (url: string) => { args: string[]; env?: Record<string, string>; config?: object };

const serve = ['serve', '--port', '0'];
const remote = ['releases', 'list', '--app', 'x', '--token', 'y'];
const bucket = ['--storage', 's3://bucket/x', '--s3-region', 'eu-central-1'];
const DATABASE = 'postgres://h/db?sslmode=x';

/** Each option refuses before anything is asked: hosts in `.invalid` do not exist. */
const OPTIONS: Record<string, [scheme: string, build: Build]> = {
  '--database': ['postgres', (url) => ({ args: [...serve, '--database', `${url}/db?sslmode=x`] })],
  'apps --database': ['postgres', (url) => ({ args: ['apps', 'list', '--database', `${url}/db?sslmode=x`] })],
  SYNCKIT_OTA_DATABASE: [
    'postgres',
    (url) => ({ args: ['apps', 'list'], env: { SYNCKIT_OTA_DATABASE: `${url}/db?sslmode=x` } }),
  ],
  'several hosts': [
    'postgres',
    (url) => ({ args: ['apps', 'list', '--database', `${url},h2:1/db?sslmode=x`] }),
  ],
  'another scheme': ['mysql', (url) => ({ args: ['apps', 'list', '--database', url] })],
  '--to-database': [
    'mysql',
    (url) => ({ args: ['copy', '--from-data-dir', 'none', '--to-database', url, '--to-storage', 'disk'] }),
  ],
  '--server': ['https', (url) => ({ args: [...remote, '--server', url] })],
  'check --server': ['https', (url) => ({ args: ['check', '--server', url] })],
  'server of the config file': ['https', (url) => ({ args: remote, config: { server: url } })],
  '--public-url': ['https', (url) => ({ args: [...serve, '--database', DATABASE, '--public-url', url] })],
  '--s3-endpoint': ['https', (url) => ({ args: [...serve, ...bucket, '--s3-endpoint', url] })],
  '--storage': ['s3', (url) => ({ args: [...serve, '--storage', url] })],
  HTTPS_PROXY: [
    'http',
    (url) => ({ args: [...remote, '--server', 'https://h.invalid', '--app', ''], env: { HTTPS_PROXY: url } }),
  ],
  'an unknown option': ['postgres', (url) => ({ args: ['serve', `--databse=${url}`] })],
  'an argument too many': ['postgres', (url) => ({ args: ['serve', url] })],
  'an unknown command': ['postgres', (url) => ({ args: [url] })],
  'a choice': ['postgres', (url) => ({ args: ['serve', '--log-format', url] })],
};

describe('field 15: a password in a URL that is not percent-encoded is never printed', () => {
  test.each(Object.entries(OPTIONS))('by %s', async (_, [scheme, build]) => {
    const folder = await tempFolder();
    for (const password of [...PASSWORDS, ...generated]) {
      const { args, env = {}, config } = build(`${scheme}://ota:${password}@db.invalid:5432`);
      if (config) await writeFile(join(folder, 'synckit-ota.config.json'), JSON.stringify(config));
      const project = config ? ['--project', folder] : [];
      const { code, stdout, stderr } = await runInProcess([...args, ...project], { env });
      expect(code, `${password}: ${stderr}`).not.toBe(0);
      for (let i = 0; i + 4 <= password.length; i++) {
        const piece = password.slice(i, i + 4);
        if (/[QqXxZzKkJj79]/.test(piece)) expect(stdout + stderr, password).not.toContain(piece);
      }
    }
  });
});
