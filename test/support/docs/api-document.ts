import { readFileSync } from 'node:fs';

/** A request as api.md shows it in a fenced block. */
export interface DocumentedRequest {
  /** The heading above it. */
  readonly heading: string;
  readonly method: string;
  readonly path: string;
  /** Whether it carries `Authorization: Bearer`. */
  readonly authorized: boolean;
  /** The JSON body; undefined without one. */
  readonly body: unknown;
}

/** A fenced `json` block of api.md. */
export interface DocumentedJson {
  readonly heading: string;
  readonly value: unknown;
}

const REQUEST_LINE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) (\/\S+)$/;

export const documentedRequests: DocumentedRequest[] = [];
export const documentedJson: DocumentedJson[] = [];

const text = readFileSync(new URL('../../../docs/reference/api.md', import.meta.url), 'utf8');
// Split at the fences, every second part is the inside of a block: its language, a line end, its text.
const parts = text.split('```');
for (let i = 1; i < parts.length; i += 2) {
  const heading = headingBefore(parts.slice(0, i).filter((_, index) => index % 2 === 0));
  const [language, ...lines] = (parts[i] ?? '').split('\n');
  const request = REQUEST_LINE.exec(lines[0] ?? '');
  if (language === 'json') {
    documentedJson.push({ heading, value: JSON.parse(lines.join('\n')) });
  } else if (request?.[1] !== undefined && request[2] !== undefined) {
    const blank = lines.indexOf('');
    const body = blank < 0 ? '' : lines.slice(blank).join('\n').trim();
    documentedRequests.push({
      heading,
      method: request[1],
      path: request[2],
      authorized: lines.includes('Authorization: Bearer <token>'),
      body: body === '' ? undefined : JSON.parse(body),
    });
  } else {
    throw new Error(`a block of api.md under "${heading}" is neither JSON nor a request`);
  }
}

function headingBefore(prose: readonly string[]): string {
  return [...prose.join('').matchAll(/^#+ (.+)$/gm)].at(-1)?.[1] ?? '';
}
