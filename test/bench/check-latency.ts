import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

// Sends one check after the other until its input ends, as a process of its own; prints the milliseconds of each.

const PAUSE_MS = 5;
const url = process.argv[2] ?? '';
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const latencies: number[] = [];
let isOver = false;
process.stdin.on('end', () => {
  isOver = true;
});
process.stdin.resume();

function check(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => response.resume().on('end', resolve));
    request.on('error', reject);
  });
}

while (!isOver) {
  const startedAt = performance.now();
  await check();
  latencies.push(performance.now() - startedAt);
  await sleep(PAUSE_MS);
}
console.log(JSON.stringify(latencies));
process.exit();
