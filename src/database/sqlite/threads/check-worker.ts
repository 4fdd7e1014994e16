import { parentPort, workerData } from 'node:worker_threads';
import { type IntegrityRequest, runCheck } from './check-integrity.ts';

// The entry of a worker thread: checks one database.

const request: IntegrityRequest = workerData;
parentPort?.postMessage(await runCheck(request));
