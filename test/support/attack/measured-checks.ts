import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a check took, and how it was answered. */
interface Check {
  readonly ms: number;
  /** 0 where there was no answer. */
  readonly status: number;
}

export interface Measured {
  readonly checks: number;
  /** Those that were not answered with 200. */
  readonly failed: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How long there is between the checks of one client, in milliseconds. */
const PAUSE_MS = 10;
const TIMEOUT_MS = 10_000;

/** Checks for a while, by two clients that keep their connections and two that open one for each check. */
export async function measureChecks(url: string, durationMs: number): Promise<Measured> {
  const until = performance.now() + durationMs;
  const clients = [true, true, false, false].map(async (keepAlive) => {
    const agent = new http.Agent({ keepAlive, maxSockets: 1 });
    const checks: Check[] = [];
    while (performance.now() < until) {
      checks.push(await check(url, agent));
      await sleep(PAUSE_MS);
    }
    agent.destroy();
    return checks;
  });
  const checks = (await Promise.all(clients)).flat();
  const times = checks.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return {
    checks: checks.length,
    failed: checks.filter(({ status }) => status !== 200).length,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
  };
}

function check(url: string, agent: http.Agent): Promise<Check> {
  const start = performance.now();
  return new Promise((resolve) => {
    const end = (status: number) => resolve({ ms: performance.now() - start, status });
    const request = http.get(url, { agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume().once('end', () => end(response.statusCode ?? 0));
      response.once('error', () => end(0));
    });
    request.once('timeout', () => request.destroy()).once('error', () => end(0));
  });
}
