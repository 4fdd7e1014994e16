import { IncomingMessage } from 'node:http';
import { finished, type Readable } from 'node:stream';
import { freeBuffer } from './used-buffers.ts';

/**
 * The chunks of a stream as they arrived, each valid only until the next is asked for. Those of an HTTP message own their
 * memory, and are freed then. (The stream's own iterator joins those that wait, and leaves all to be collected.)
 * Stopping early does not destroy the stream. Throws its error, also when it closes before its end.
 */
export async function* readChunks(
  stream: Readable,
  isMessage = stream instanceof IncomingMessage,
): AsyncGenerator<Buffer> {
  const release = isMessage ? freeBuffer : () => {};
  const waiting: Buffer[] = [];
  let end: { readonly error: Error | null | undefined } | undefined;
  let wake = () => {};
  const onData = (chunk: Buffer) => {
    stream.pause();
    waiting.push(chunk);
    wake();
  };
  const removeListeners = finished(stream, { writable: false }, (error) => {
    end = { error };
    wake();
  });
  stream.on('data', onData).resume();
  try {
    for (;;) {
      const chunk = waiting.shift();
      if (chunk !== undefined) {
        yield chunk;
        release(chunk);
        stream.resume();
      } else if (end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        if (end.error) throw end.error;
        return;
      }
    }
  } finally {
    removeListeners();
    stream.off('data', onData).pause();
  }
}
