import { writeFileSync } from 'node:fs';
import { CONFIG_SCHEMA_FILE } from '../../../src/cli/config/config-schema.ts';
import { CLI_REFERENCE, cliReference } from './cli-reference.ts';
import { configSchemaText } from './config-schema-text.ts';
import { OPENAPI_FILE, openApiFile } from './openapi-file.ts';
import { ROOT } from './pages.ts';

writeFileSync(`${ROOT}${CLI_REFERENCE}`, cliReference());
writeFileSync(`${ROOT}${CONFIG_SCHEMA_FILE}`, configSchemaText());
writeFileSync(`${ROOT}${OPENAPI_FILE}`, openApiFile());
