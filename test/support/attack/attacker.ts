// Runs one attack on a server until it is killed: `node attacker.ts <name> <json>`. In a process of its own, so that the
// one that measures is not disturbed. Prints a line once the attack is under way.
import net, { type Socket } from 'node:net';

export interface Target {
  readonly port: number;
  /** Path and query of a request each, used in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  /** Of each connection where an attack sends several. */
  readonly requests?: number;
  readonly token?: string;
  /** The address that it comes from: on Linux any of 127.0.0.0/8. */
  readonly from?: string;
}

export type AttackName = keyof typeof ATTACKS;

const ATTACKS = {
  /** Sends checks and reads no answer. */
  pipelining: async (target: Target) => {
    const { requests = 1000, paths } = target;
    await connectAll(target, (socket, i) => {
      socket.pause();
      socket.write(`GET ${pick(paths, i)} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(requests));
    });
  },

  /** Announces large uploads, and sends one byte now and then. */
  announcing: async (target: Target) => {
    const sockets = await connectAll(target, (socket, i) => {
      socket.write(
        `PUT ${pick(target.paths, i)} HTTP/1.1\r\nHost: a\r\nContent-Length: ${2 * 1024 ** 3}\r\n\r\nx`,
      );
    });
    setInterval(() => sendTo(sockets, 'x'), 1000);
  },

  /** Sends heads, and bodies with and without a token, byte by byte. */
  sending: async (target: Target) => {
    const { paths, token } = target;
    const body = 'Host: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n';
    const heads = [
      () => 'GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ',
      (path: string) => `POST ${path} HTTP/1.1\r\n${body}\r\n{`,
      (path: string) => `POST ${path} HTTP/1.1\r\n${body}Authorization: Bearer ${token}\r\n\r\n{`,
      () => `POST /nope HTTP/1.1\r\n${body}\r\n{`,
    ];
    const sockets = await connectAll(target, (socket, i) => {
      socket.write(heads[i % heads.length]?.(pick(paths, i)) ?? '');
    });
    setInterval(() => sendTo(sockets, 'x'), 1000);
  },

  /** Reads a download a byte at a time. */
  reading: async (target: Target) => {
    const sockets = await connectAll(target, (socket, i) => {
      socket.pause();
      socket.write(`GET ${pick(target.paths, i)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    });
    setInterval(() => {
      for (const socket of sockets) socket.read(1);
    }, 1000);
  },

  /** Sends requests as fast as they are answered, each on a connection for a hundred. */
  flooding: async (target: Target) => {
    const flood = (i: number) => {
      const socket = open(target);
      socket.on('data', () => {});
      socket.once('close', () => flood(i + 1));
      let sent = 0;
      const send = () => {
        socket.write(`GET ${pick(target.paths, i)} HTTP/1.1\r\nHost: a\r\n\r\n`);
        sent += 1;
        if (sent === 100) socket.end();
      };
      socket.on('data', () => sent < 100 && send());
      socket.once('connect', send);
    };
    for (let i = 0; i < target.connections; i++) flood(i);
  },
} as const satisfies Readonly<Record<string, (target: Target) => Promise<void>>>;

function pick(paths: readonly string[], i: number): string {
  return paths[i % paths.length] ?? '/';
}

function open({ port, from }: Target): Socket {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from ?? '127.0.0.1' });
  return socket.on('error', () => {}); // refused or reset
}

async function connectAll(target: Target, begin: (socket: Socket, i: number) => void): Promise<Socket[]> {
  const sockets = Array.from({ length: target.connections }, () => open(target));
  await Promise.all(
    sockets.map(
      (socket, i) =>
        new Promise<void>((resolve) => {
          socket.once('connect', () => {
            begin(socket, i);
            resolve();
          });
          socket.once('close', () => resolve());
        }),
    ),
  );
  return sockets;
}

function sendTo(sockets: readonly Socket[], text: string): void {
  for (const socket of sockets) if (socket.writable) socket.write(text);
}

const [name = '', target = ''] = process.argv.slice(2);
if (name in ATTACKS) {
  await ATTACKS[name as AttackName](JSON.parse(target));
  console.log('under way');
}
