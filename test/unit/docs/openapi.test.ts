import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { openApiDocument } from '../../../src/protocol/openapi/openapi-document.ts';
import { GENERAL_PROBLEMS, ROUTE_ANSWERS } from '../../../src/protocol/openapi/route-answers.ts';
import { type RouteName, routes } from '../../../src/protocol/routes.ts';
import { codeSpansIn, sectionsOf, tableRows } from '../../support/docs/markdown.ts';
import { OPENAPI_FILE, openApiFile } from '../../support/docs/openapi-file.ts';
import { readText } from '../../support/docs/pages.ts';

const sections = sectionsOf(readText('docs/reference/http-api.md'));
const all = Object.keys(routes) as RouteName[];
const document = openApiDocument({ version: '1.2.3', publicUrl: 'https://updates.example.com/ota' });
const general: readonly string[] = Object.values(GENERAL_PROBLEMS).flat();

function textOf(name: RouteName): string {
  const { method, path } = routes[name];
  return sections.find(({ heading }) => heading === `${method} ${path}`)?.text ?? '';
}

/** The rows of a route's tables that begin with a status. */
function statusRows(name: RouteName): string[][] {
  return tableRows(textOf(name)).filter(([status = '']) => /^\d{3}$/.test(status));
}

describe('the OpenAPI document', () => {
  test('in the docs is what `npm run docs` generates', () => {
    expect(readText(OPENAPI_FILE), 'run `npm run docs`').toBe(openApiFile());
  });

  test('is valid, with every reference resolved', async () => {
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(JSON.stringify(document)));
    expect(result).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
    const text = JSON.stringify(document);
    const references = new Set([...text.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)].map(([one]) => one));
    expect(references.size).toBeGreaterThan(40);
    expect(() => validator.resolveRefs()).not.toThrow();
    const { components } = document as { components: Record<string, Record<string, unknown>> };
    for (const reference of references) {
      const [, , kind = '', name = ''] = reference.slice(1, -1).split('/');
      expect(Object.keys(components[kind] ?? {}), reference).toContain(name);
    }
  });

  test('is found to be invalid where a reference leads nowhere, or a route is no operation', async () => {
    const broken = JSON.parse(JSON.stringify(document).replace('"responses"', '"answers"'));
    expect(await new Validator().validate(broken)).toMatchObject({ valid: false });
  });

  test('has every route, with the scopes that it takes', () => {
    const { paths } = document as unknown as {
      paths: Record<string, Record<string, { operationId: string; security: object[] }>>;
    };
    const operations = Object.values(paths).flatMap((item) => Object.values(item));
    const names = operations.map(({ operationId }) => operationId);
    expect(names.sort()).toEqual([...all, 'isAlive', 'isReady', 'openApi'].sort());
    expect(paths[routes.setSlug.path]?.put?.security).toEqual([
      { token: ['app:admin'] },
      { token: ['release:publish'] },
    ]);
    expect(paths[routes.check.path]?.get?.security).toEqual([]);
    expect(paths[routes.upload.path]?.put?.security).toEqual([{ signedUrl: [] }]);
  });

  test.each(all)('has for %s the codes that the page of the HTTP API has, and no others', (name) => {
    const documented = statusRows(name).flatMap(([, code = '']) => codeSpansIn(code));
    const own = new Set(ROUTE_ANSWERS[name].problems?.filter((code) => !general.includes(code)));
    expect(new Set(documented.filter((code) => !general.includes(code)))).toEqual(own);
  });

  test('has for all routes what the page says of them', () => {
    const errors = sections.find(({ heading }) => heading === 'Errors')?.text ?? '';
    const [paragraph = ''] = errors.match(/^Any route can answer[\s\S]*?^sections below/m) ?? [];
    const codes = codeSpansIn(paragraph).filter((code) => /^[a-z]+(_[a-z]+)*$/.test(code));
    expect(new Set(codes)).toEqual(new Set(general));
  });

  test.each(all)('has for %s each status of success on the page', (name) => {
    const documented = statusRows(name).map(([status]) => Number(status));
    const prose = [...textOf(name).matchAll(/^Answers (\d{3})/gm)].map(([, status]) => Number(status));
    const successes = [...documented, ...prose].filter((status) => status < 400);
    const known: readonly number[] = ROUTE_ANSWERS[name].answers.map(({ status }) => status);
    expect(known).toEqual(expect.arrayContaining(successes));
  });
});
