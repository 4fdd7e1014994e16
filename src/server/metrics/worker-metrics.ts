import cluster, { type Worker } from 'node:cluster';
import type { Metrics, MetricValues } from './metrics.ts';

// How the process that started the workers gets their metrics, to answer for all of them.

const ASK = 'ask-metrics';
/** How long a worker is waited for, in milliseconds: without its numbers those of the others are shown. */
const WAIT_MS = 5000;

interface MetricsMessage {
  readonly type: 'metrics';
  readonly values: MetricValues;
}

/** Answers the process that started this one, for as long as it is connected. */
export function answerForMetrics(metrics: Metrics): void {
  const answer = async (message: unknown) => {
    if (message !== ASK) return;
    const reply: MetricsMessage = { type: 'metrics', values: await metrics.values() };
    if (cluster.worker?.isConnected()) cluster.worker.send(reply, () => {});
  };
  cluster.worker?.on('message', answer);
}

/** Of each worker that answers in time. */
export async function metricsOf(workers: Iterable<Worker>): Promise<MetricValues[]> {
  const all = await Promise.all(Array.from(workers, askOne));
  return all.filter((values) => values !== undefined);
}

function askOne(worker: Worker): Promise<MetricValues | undefined> {
  return new Promise((resolve) => {
    const end = (values?: MetricValues) => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('exit', onExit);
      resolve(values);
    };
    const onExit = () => end();
    const onMessage = (message: unknown) => {
      if (isMetrics(message)) end(message.values);
    };
    const timer = setTimeout(end, WAIT_MS);
    worker.on('message', onMessage).once('exit', onExit);
    worker.send(ASK, () => {}); // it may be ending
  });
}

/** This program has made it, in `answerForMetrics`. */
function isMetrics(message: unknown): message is MetricsMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'metrics';
}
