import { writeFileSync } from 'node:fs';
import { CLI_REFERENCE, cliReference } from './cli-reference.ts';
import { ROOT } from './pages.ts';

writeFileSync(`${ROOT}${CLI_REFERENCE}`, cliReference());
