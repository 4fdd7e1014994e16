import Type, { type TSchema } from 'typebox';
import { PathParameters } from '../messages.ts';
import { PROBLEM_CONTENT_TYPE, PROBLEM_STATUS, ProblemBody, type ProblemCode } from '../problem.ts';
import { type Route, type RouteName, routes } from '../routes.ts';
import { type Json, namedSchemas, schemaOf } from './document-schema.ts';
import {
  type Answer,
  HEADERS,
  type HeaderName,
  problemsOf,
  REQUEST_HEADERS,
  ROUTE_ANSWERS,
  TAGS,
} from './route-answers.ts';

type JsonObject = { readonly [name: string]: Json };

/** Where a server answers with the document: outside the API, as its paths are those of the whole server. */
export const OPENAPI_PATH = '/openapi.json';

const SECURITY_SCHEMES = {
  token: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of the app, `sko_…`. The scopes that a route takes stand in its `security`, each alternative by itself; ' +
      'what a request changes besides may take others.',
  },
  signedUrl: {
    type: 'apiKey',
    in: 'query',
    name: 'signature',
    description: 'Part of a URL that the server handed out, which is used exactly as it is.',
  },
} as const;

const DESCRIPTION = `Publishes updates of desktop apps, and serves them to the apps that are installed.

The routes of the SyncKit OTA API, and those that this server has besides. Every \`GET\` answers \`HEAD\` too. Unknown fields are ignored, and a client has to ignore those that it
does not know. Errors are problems as in RFC 9457, with a stable \`code\`.`;

/**
 * The OpenAPI 3.1 document of every route, made from the schemas that validate requests and the table of routes.
 * @param publicUrl what the server's URLs begin with, without a slash at the end
 */
export function openApiDocument({
  version,
  publicUrl,
}: {
  readonly version: string;
  readonly publicUrl: string;
}): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const name of Object.keys(routes) as RouteName[]) {
    const { method, path } = routes[name];
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(name) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'synckit-ota',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: publicUrl }],
    tags: TAGS.map((name) => ({ name })),
    paths: { ...paths, ...OUTSIDE_THE_API },
    components: {
      schemas: namedSchemas(),
      parameters: mapEntries(PathParameters, (schema, name) =>
        parameterOf('path', name, { schema, isRequired: true }),
      ),
      headers: mapEntries(HEADERS, (description) => ({ description, schema: { type: 'string' } })),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function operationOf(name: RouteName): JsonObject {
  const { method, path, access }: Route = routes[name];
  const { tag, summary, query, headers = [], body, upload, bodyIsOptional, answers } = ROUTE_ANSWERS[name];
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => ({
    $ref: `#/components/parameters/${parameter}`,
  }));
  const inHeader = headers.map((header) => ({
    name: header,
    in: 'header',
    description: REQUEST_HEADERS[header],
    schema: { type: 'string' },
  }));
  const parameters = [...inPath, ...queryParameters(query), ...inHeader];
  return {
    operationId: name,
    tags: [tag],
    summary,
    security: securityOf(access),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: bodyIsOptional !== true, content: jsonContent(schemaOf(body)) },
    }),
    ...(upload !== undefined && { requestBody: { required: true, content: { [upload]: {} } } }),
    responses: { ...successes(answers), ...refusals(problemsOf(name), method) },
  };
}

function securityOf(access: Route['access']): Json {
  if (access === 'public') return [];
  if (access === 'signed-url') return [{ signedUrl: [] }];
  return [access].flat().map((scope) => ({ token: [scope] }));
}

function queryParameters(query: TSchema | undefined): JsonObject[] {
  if (query === undefined || !Type.IsObject(query)) return [];
  return Object.entries(query.properties).map(([name, schema]) =>
    parameterOf('query', name, { schema, isRequired: query.required?.includes(name) ?? false }),
  );
}

function parameterOf(place: 'path' | 'query', name: string, { schema, isRequired }: Parameter): JsonObject {
  return { name, in: place, ...(isRequired && { required: true }), schema: schemaOf(schema) };
}

interface Parameter {
  readonly schema: TSchema;
  readonly isRequired: boolean;
}

function successes(answers: readonly Answer[]): JsonObject {
  return Object.fromEntries(
    answers.map(({ status, is, json, bytes, headers = [] }) => [
      String(status),
      {
        description: is,
        ...(headers.length > 0 && { headers: headersOf(headers) }),
        ...(json && { content: jsonContent(schemaOf(json)) }),
        ...(bytes !== undefined && { content: { [bytes]: {} } }),
      },
    ]),
  );
}

/** A response for each status, which names the codes that have it. */
function refusals(codes: readonly ProblemCode[], method: Route['method']): JsonObject {
  const byStatus = Map.groupBy(codes, (code) => PROBLEM_STATUS[code]);
  return Object.fromEntries(
    [...byStatus].map(([status, here]) => [
      String(status),
      {
        description: here.map((code) => `\`${code}\``).join(', '),
        ...headersOfProblem(status, method),
        content: {
          [PROBLEM_CONTENT_TYPE]: {
            schema: { $ref: refTo(ProblemBody), properties: { code: { enum: here } } },
          },
        },
      },
    ]),
  );
}

function refTo(schema: TSchema): Json {
  const reference = schemaOf(schema) as { readonly $ref: string };
  return reference.$ref;
}

/** Headers that the status of a problem brings along. */
const PROBLEM_HEADERS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  416: ['Content-Range'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

function headersOfProblem(status: number, method: Route['method']): JsonObject {
  const waits: readonly HeaderName[] = status === 409 && method === 'PUT' ? ['Retry-After'] : [];
  const names = PROBLEM_HEADERS[status] ?? waits;
  return names.length === 0 ? {} : { headers: headersOf(names) };
}

function headersOf(names: readonly HeaderName[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function jsonContent(schema: Json): JsonObject {
  return { 'application/json': { schema } };
}

function mapEntries<Value>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value, name: string) => Json,
): JsonObject {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}

/** For load balancers and for tools: what `routes` does not have, as a client of the API never asks for it. */
const OUTSIDE_THE_API: JsonObject = {
  '/livez': { get: outside('isAlive', 'Whether the process answers', { 200: 'It does.' }) },
  '/readyz': {
    get: outside('isReady', 'Whether the server should get requests', {
      200: 'It should.',
      503: 'It should not; `reasons` says why.',
    }),
  },
  [OPENAPI_PATH]: { get: outside('openApi', 'Read this document', { 200: 'This document.' }) },
};

function outside(
  operationId: string,
  summary: string,
  answers: Readonly<Record<number, string>>,
): JsonObject {
  const object: JsonObject = jsonContent({ type: 'object' });
  const responses = mapEntries(answers, (description) => ({ description, content: object }));
  return { operationId, tags: ['Server'], summary, security: [], responses };
}
