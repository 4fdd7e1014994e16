import { writeFileSync } from 'node:fs';
import { CLI_REFERENCE, cliReference } from './cli-reference.ts';
import { ROOT } from './markdown.ts';

writeFileSync(`${ROOT}${CLI_REFERENCE}`, cliReference());
