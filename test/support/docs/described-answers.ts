import type { FastifyInstance } from 'fastify';
import { Check, Errors } from 'typebox/schema';
import { openApiDocument } from '../../../src/protocol/openapi/openapi-document.ts';
import { ROUTE_ANSWERS } from '../../../src/protocol/openapi/route-answers.ts';
import { type RouteName, routes } from '../../../src/protocol/routes.ts';

interface DescribedAnswer {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

interface Document {
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, DescribedAnswer> }>>;
  readonly components: object;
}

const document = JSON.parse(
  JSON.stringify(openApiDocument({ version: '0.0.0', publicUrl: 'https://updates.example.com' })),
) as Document;

export interface DescribedAnswers {
  /** The routes and statuses that were answered. */
  readonly seen: ReadonlySet<string>;
  /** What the document does not say of an answer, each as a sentence. */
  readonly deviations: readonly string[];
}

/** Headers that every response may have, or those of its status in HTTP. */
const ALWAYS =
  /^(content-(type|length|security-policy)|date|connection|keep-alive|transfer-encoding|cache-control|accept-ranges|referrer-policy|x-content-type-options|access-control-.*|retry-after)$/;

/** Compares every answer of a server, and what it validates requests by, with what the OpenAPI document says. */
export function describedAnswers(app: FastifyInstance): DescribedAnswers {
  const seen = new Set<string>();
  const deviations: string[] = [];
  app.addHook('onSend', async (request, reply, payload) => {
    const name: RouteName | undefined = request.routeOptions.config.route;
    if (name === undefined) return payload;
    const answer = `${name} ${reply.statusCode}`;
    seen.add(answer);
    const { body, querystring } = request.routeOptions.schema ?? {};
    const { [name]: described } = ROUTE_ANSWERS;
    if (body !== described.body || querystring !== described.query) {
      deviations.push(`${name} validates requests by other schemas`);
    }
    deviations.push(
      ...deviationsOf(name, {
        status: reply.statusCode,
        headers: reply.getHeaders(),
        body: request.method === 'HEAD' ? undefined : payload,
      }).map((what) => `${answer}: ${what}`),
    );
    return payload;
  });
  return { seen, deviations };
}

interface SentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export function deviationsOf(name: RouteName, { status, headers, body }: SentAnswer): string[] {
  const { method, path } = routes[name];
  const described = document.paths[path]?.[method.toLowerCase()]?.responses[String(status)];
  if (described === undefined) return ['is not described'];
  const names = Object.keys(described.headers ?? {}).map((header) => header.toLowerCase());
  const others = Object.keys(headers).filter((header) => !ALWAYS.test(header) && !names.includes(header));
  const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
  const content = described.content ?? {};
  const isEmpty = body === undefined || body === null || body === '';
  if (isEmpty) return others.map((header) => `has the header ${header}`);
  const schema = content[type]?.schema;
  const wrong = type in content ? [] : [`has the type ${type}`];
  const text = typeof body === 'string' ? body : undefined;
  return [
    ...wrong,
    ...others.map((header) => `has the header ${header}`),
    ...(schema && text !== undefined ? schemaErrors(schema, JSON.parse(text)) : []),
  ];
}

function schemaErrors(schema: object, value: unknown): string[] {
  const whole = { components: document.components, ...schema };
  if (Check(whole, value)) return [];
  const [, errors] = Errors(whole, value);
  return [`breaks its schema: ${JSON.stringify(errors)}`];
}
