import { parentPort, workerData } from 'node:worker_threads';
import { OtaError } from '../../../errors.ts';
import { messageOf } from '../../../runtime/error-details.ts';
import { Checkpointer, type CheckpointReply } from './checkpointer.ts';

// The entry of a worker thread: makes a checkpoint each time that it is asked to, until it is to close.

const checkpointer = await Checkpointer.open(workerData);

parentPort?.on('message', (command: 'run' | 'close') => {
  if (command === 'run') return parentPort?.postMessage(run());
  checkpointer.close();
  parentPort?.close();
});

function run(): CheckpointReply {
  try {
    checkpointer.run();
    return { kind: 'done' };
  } catch (error) {
    const code = error instanceof OtaError ? error.code : 'store_unavailable';
    return { kind: 'failed', code, message: messageOf(error) };
  }
}
