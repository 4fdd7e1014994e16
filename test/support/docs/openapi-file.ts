import { openApiDocument } from '../../../src/protocol/openapi/openapi-document.ts';
import { readText } from './pages.ts';

/** Where the document is, from the repository's root. */
export const OPENAPI_FILE = 'docs/reference/openapi.json';

/** The text of that file: the document of a server that was just started. */
export function openApiFile(): string {
  const { version } = JSON.parse(readText('package.json')) as { version: string };
  return `${JSON.stringify(openApiDocument({ version, publicUrl: 'http://127.0.0.1:4680' }), null, 2)}\n`;
}
