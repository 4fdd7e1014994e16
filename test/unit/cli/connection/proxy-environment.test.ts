import { describe, expect, test } from 'vitest';
import { readProxies } from '../../../../src/cli/connection/proxy-environment.ts';
import type { Environment } from '../../../../src/cli/environment.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';

function read(environment: Environment) {
  return collectProblems((problems) => readProxies(environment, problems));
}

describe('proxies in the environment', () => {
  test('are read for each scheme, with the hosts that need none', () => {
    const { value, found } = read({
      HTTP_PROXY: 'http://a.example:3128',
      HTTPS_PROXY: 'https://us%40er:p%3Aw@b.example',
      NO_PROXY: 'one.example, .two.example\t10.0.0.0/8,,',
    });
    expect(found).toBe('');
    expect(value).toEqual({
      http: new URL('http://a.example:3128'),
      https: new URL('https://us%40er:p%3Aw@b.example'),
      bypass: ['one.example', '.two.example', '10.0.0.0/8'],
    });
  });

  test('can be in lower case, which takes precedence', () => {
    const environment = { https_proxy: 'http://small:1', HTTPS_PROXY: 'http://large:2', no_proxy: 'a' };
    expect(read(environment).value).toEqual({ https: new URL('http://small:1'), bypass: ['a'] });
  });

  test('with an empty value are ignored', () => {
    expect(read({ https_proxy: '', HTTPS_PROXY: 'http://large:2' }).value?.https?.host).toBe('large:2');
    expect(read({ HTTP_PROXY: ' ', NO_PROXY: '' }).value).toEqual({ bypass: [] });
    expect(read({}).value).toEqual({ bypass: [] });
  });

  test.each([
    ['proxy.example:3128', 'http://proxy.example:3128/'],
    ['user:secret@proxy.example', 'http://user:secret@proxy.example/'],
  ])('without a scheme are http proxies: %s', (text, url) => {
    expect(read({ HTTPS_PROXY: text }).value?.https?.href).toBe(url);
  });
});

describe('an invalid proxy is an error that names the variable, but not its value', () => {
  test.each([
    ['http://user:secret@', 'is not the URL of an http(s) proxy: set it like http://proxy.example:3128'],
    ['socks5://user:secret@proxy.example', 'is not the URL of an http(s) proxy'],
    ['http://user:secret@proxy.example:99999', 'is not the URL of an http(s) proxy'],
    ['http://user:sec%ret@proxy.example', 'write it as %25'],
  ])('%s', (value, words) => {
    const { found } = read({ https_proxy: value });
    expect(found).toContain(`https_proxy `);
    expect(found).toContain(words);
    expect(found).not.toContain('sec');
  });
});
