import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readChunks } from '../../../src/runtime/read-chunks.ts';
import { listenUntilFinished } from '../../support/network/loopback-server.ts';

/** A buffer that shares its memory with no other. */
function ownBuffer(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text);
  return bytes;
}

/** A message of which several chunks wait to be read, some of them maybe joined on their way. */
async function messageOf(texts: readonly string[]): Promise<IncomingMessage> {
  const url = await listenUntilFinished(
    createServer(async (_, response) => {
      response.setHeader('content-length', texts.join('').length);
      for (const text of texts) {
        response.write(text);
        await setTimeout(20);
      }
      response.end();
    }),
  );
  const request = get(url);
  const [message]: IncomingMessage[] = await once(request, 'response');
  if (message === undefined) throw new Error('there was no response');
  await setTimeout(100);
  return message;
}

test('the chunks of an HTTP message are valid until the next is asked for, and then freed', async () => {
  const texts = ['one', 'two', 'three'];
  const chunks: Buffer[] = [];
  let seen = '';
  for await (const chunk of readChunks(await messageOf(texts))) {
    seen += chunk.toString();
    expect(chunks.map(({ buffer }) => buffer.byteLength)).toEqual(chunks.map(() => 0));
    chunks.push(chunk);
  }
  expect(seen).toBe(texts.join(''));
  expect(chunks.map(({ length }) => length)).toEqual(chunks.map(() => 0));
});

test('those of any other stream may belong to others: they are not freed', async () => {
  const chunks = ['one', 'two', 'three'].map(ownBuffer);
  const seen: Buffer[] = [];
  for await (const chunk of readChunks(Readable.from(chunks))) seen.push(chunk);
  expect(seen.map(String)).toEqual(['one', 'two', 'three']);
});

test('those of a stream that is said to be a message are freed, too, unless they share their memory', async () => {
  const whole = ownBuffer('one and two');
  const chunks = [ownBuffer('zero'), whole.subarray(0, 3), whole.subarray(8)];
  let seen = '';
  for await (const chunk of readChunks(Readable.from(chunks), true)) seen += `${chunk} `;
  expect(seen).toBe('zero one two ');
  expect(chunks.map(({ length }) => length)).toEqual([0, 3, 3]);
});

test('a stream that was read in part is not destroyed, and can be read on', async () => {
  const stream = new PassThrough();
  stream.write(ownBuffer('one'));
  for await (const chunk of readChunks(stream)) {
    expect(chunk.toString()).toBe('one');
    break;
  }
  stream.write(ownBuffer('two'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(stream.destroyed).toBe(false);
  stream.end(ownBuffer('three'));
  const rest: string[] = [];
  for await (const chunk of readChunks(stream)) rest.push(chunk.toString());
  expect(rest).toEqual(['two', 'three']);
});

test.each([
  ['fails', new Error('the disk failed'), 'the disk failed'],
  ['closes before its end', undefined, 'Premature close'],
])('a stream that %s is not taken for a whole one', async (_, error, message) => {
  const stream = new PassThrough();
  stream.write(ownBuffer('one'));
  const chunks = readChunks(stream);
  expect((await chunks.next()).value?.toString()).toBe('one');
  const next = chunks.next();
  stream.destroy(error);
  await expect(next).rejects.toThrow(message);
});
