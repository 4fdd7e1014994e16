import { describe } from 'vitest';
import { runScenarios } from './run-scenarios.ts';
import { openOnFakeS3 } from './s3-target.ts';

describe('the server on the fake store', () => {
  runScenarios(() => openOnFakeS3(), { lacks: ['own-storage'] });
});
