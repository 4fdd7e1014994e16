import type { Socket } from 'node:net';
import { listenRaw } from '../network/loopback-server.ts';

/** A message of PostgreSQL's protocol: its letter, its length, its fields. */
function message(letter: string, ...fields: (string | number | Buffer)[]): Buffer {
  const parts = fields.map((field) => {
    if (typeof field === 'string') return Buffer.from(`${field}\0`);
    if (typeof field === 'object') return field;
    const number = Buffer.alloc(4);
    number.writeInt32BE(field);
    return number;
  });
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(letter), length, body]);
}

const AUTHENTICATED = message('R', 0);
const READY = message('Z', Buffer.from('I'));

/** A server that accepts every client and answers every query with one row of an integer and a text. */
export function listenAsPostgres(version: number, encoding: string): Promise<URL> {
  const column = (name: string, type: number) =>
    Buffer.concat([
      Buffer.from(`${name}\0`),
      Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, type, 0, 4, 0, 0, 0, 0, 0, 0]),
    ]);
  const value = (text: string) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  };
  const answer = Buffer.concat([
    message('T', Buffer.from([0, 2]), column('version', 23), column('encoding', 25)),
    message('D', Buffer.from([0, 2]), value(String(version)), value(encoding)),
    message('C', 'SELECT 1'),
    READY,
  ]);
  return listenRaw((socket: Socket) => {
    socket.once('data', () => {
      socket.write(Buffer.concat([AUTHENTICATED, READY]));
      socket.on('data', (bytes) => bytes[0] === 'Q'.charCodeAt(0) && socket.write(answer));
    });
  });
}
