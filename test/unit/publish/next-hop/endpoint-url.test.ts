import { describe, expect, test } from 'vitest';
import type { Platform } from '../../../../src/protocol/platform.ts';
import {
  displayEndpoint,
  fillEndpoint,
  pathFault,
  saysVersion,
} from '../../../../src/publish/next-hop/endpoint-url.ts';

const LINUX: Platform = { target: 'linux', arch: 'x86_64' };
const BASE = 'https://u.example/api/sync/ota/app';

describe('field 2: an endpoint is filled in as by the updater:', () => {
  test.each([
    ['in the path', '/{{target}}/{{arch}}/{{current_version}}', '/linux/x86_64/1.2.0'],
    ['in the query', '?t={{target}}&v={{current_version}}', '/?t=linux&v=1.2.0'],
    ['percent-encoded', '/%7B%7Btarget%7D%7D/{{arch}}', '/linux/x86_64'],
    ['several times', '/{{target}}/{{target}}', '/linux/linux'],
    [
      'unknown ones stay',
      '/{{currentVersion}}/{{ target }}',
      '/%7B%7BcurrentVersion%7D%7D/%7B%7B%20target%20%7D%7D',
    ],
    ['without a kind of bundle', '/{{bundle_type}}', '/unknown'],
  ])('%s', (_, path, expected) => {
    const url = fillEndpoint(`https://u.example${path}`, { platform: LINUX, version: '1.2.0' });
    expect(url?.href).toBe(`https://u.example${expected}`);
  });

  test('the + of a version is encoded, and nothing else', () => {
    const url = fillEndpoint('https://u.example/{{current_version}}', {
      platform: LINUX,
      version: '1.2.0-a+b',
    });
    expect(url?.pathname).toBe('/1.2.0-a%2Bb');
  });

  test('the kind of bundle is that of the file', () => {
    const platform = { ...LINUX, bundleType: 'deb' } as const;
    const url = fillEndpoint('https://u.example/?b={{bundle_type}}', { platform, version: '1.2.0' });
    expect(url?.search).toBe('?b=deb');
  });

  test('what is no URL is not filled in', () => {
    expect(fillEndpoint('/api/{{target}}', { platform: LINUX, version: '1.2.0' })).toBeUndefined();
  });
});

describe('field 2: a path of the API', () => {
  function faultOf(path: string, version = '1.2.0'): string | undefined {
    const endpoint = BASE + path;
    const question = { platform: LINUX, version };
    const url = fillEndpoint(endpoint, question);
    if (url === undefined) throw new Error('no URL');
    return pathFault(endpoint, url, question);
  }

  test.each([
    ['/{{target}}/{{arch}}/{{current_version}}', '1.2.0'],
    ['/{{target}}/{{arch}}/{{current_version}}?bundle_type={{bundle_type}}', '1.2.0+5'],
    ['/linux/x86_64/{{current_version}}', '1.2.0-rc.1'],
  ])('%s asks about %s', (path, version) => {
    expect(faultOf(path, version)).toBeUndefined();
  });

  test.each([
    '/{{target}}/{{arch}}/1.2.0',
    '/{{target}}-{{arch}}/{{current_version}}',
    '/{{target}}/{{arch}}?v={{current_version}}',
    '/{{arch}}/{{target}}/{{current_version}}',
    '/windows/x86_64/{{current_version}}',
    '/{{target}}/{{arch}}/v{{current_version}}',
    '/{{target}}/{{arch}}/{{current_version}}/',
    '/{{target}}/{{arch}}/{{bundle_type}}/{{current_version}}',
    '/latest.json?v={{current_version}}',
  ])('%s is wrong', (path) => {
    expect(faultOf(path)).toBeDefined();
  });

  test('any other path may be rewritten by a proxy', () => {
    const question = { platform: LINUX, version: '1.2.0' };
    expect(pathFault('https://u.example/a', new URL('https://u.example/a'), question)).toBeUndefined();
    expect(saysVersion('https://u.example/a')).toBe(false);
    expect(saysVersion('https://u.example/%7B%7Bcurrent_version%7D%7D')).toBe(true);
  });
});

test('field 2: an endpoint is shown without secrets and with its placeholders', () => {
  expect(displayEndpoint('https://user:secret@u.example/{{target}}?key=secret#secret')).toBe(
    'https://u.example/{{target}}',
  );
  expect(displayEndpoint('no URL')).toBe('no URL');
});
