import { describe } from 'vitest';
import { openOwnServer } from './own-server.ts';
import { callOverLoopback } from './own-server-calls.ts';
import { runScenarios } from './run-scenarios.ts';

describe('the server over loopback', () => {
  runScenarios(() => openOwnServer(callOverLoopback), { lacks: ['complete-upload'] });
});
