import { describe } from 'vitest';
import { openOwnServer } from './own-server.ts';
import { callInProcess } from './own-server-calls.ts';
import { runScenarios } from './run-scenarios.ts';

describe('the server in process', () => {
  runScenarios(() => openOwnServer(callInProcess), { lacks: ['complete-upload'] });
});
