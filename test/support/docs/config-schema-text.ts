import { configJsonSchema } from '../../../src/cli/config/config-schema.ts';

/** The file with the schema of the config file, as `npm run docs` writes it. */
export function configSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}
