import { describeOnCeph } from '../support/s3-place.ts';
import { runScenarios } from './run-scenarios.ts';
import { openOnS3 } from './s3-target.ts';

describeOnCeph('the server', (open) => {
  runScenarios(async () => openOnS3(await open()), { lacks: ['own-storage', 'clock'] });
});
