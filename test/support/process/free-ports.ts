import { randomInt } from 'node:crypto';
import net from 'node:net';

/** Below the ports of outgoing connections, so that a port is still free when its server restarts. */
const [LOWEST, HIGHEST] = [10_000, 32_767];

/** Different ports on loopback that nothing listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
