import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { OpenUploads } from '../../../../src/server/uploads/open-uploads.ts';
import { TurnTable } from '../../../../src/storage/disk/part-turns.ts';

/** One chunk, and then nothing more. */
async function* stalled(): AsyncIterable<Buffer> {
  yield Buffer.from('bytes');
  await new Promise(() => {});
}

const newRequest = () => new IncomingMessage(new Socket());

describe('field 13: an upload with bytes that do not move', () => {
  async function start() {
    let now = 0;
    const open = new OpenUploads({ now: () => now });
    const request = newRequest();
    const chunks = (await open.begin('upload', request))?.watch(stalled())[Symbol.asyncIterator]();
    const pass = (milliseconds: number) => {
      now += milliseconds;
    };
    const again = () => open.begin('upload', newRequest());
    return { request, chunks, pass, again };
  }

  test('is not disturbed while it is the disk that it waits for', async () => {
    const { request, chunks, pass, again } = await start();
    await chunks?.next(); // written from here on
    pass(60_000);
    expect(await again()).toBeUndefined();
    expect(request.destroyed).toBe(false);
  });

  test('is ended while it is the client that it waits for', async () => {
    const { request, chunks, pass, again } = await start();
    await chunks?.next();
    void chunks?.next();
    pass(60_000);
    expect(await again()).toBeDefined();
    expect(request.destroyed).toBe(true);
  });
});

describe('attack H2: an upload that another process receives', () => {
  function start() {
    let now = 0;
    const turns = new TurnTable();
    const options = { turns, now: () => now };
    const [here, there] = [new OpenUploads(options), new OpenUploads(options)];
    const pass = (milliseconds: number) => {
      now += milliseconds;
    };
    return { here, there, pass };
  }

  test('is refused until it has ended there', async () => {
    const { here, there } = start();
    const upload = await there.begin('upload', newRequest());
    expect(await here.begin('upload', newRequest())).toBeUndefined();
    expect(await here.begin('another', newRequest())).toBeDefined();
    upload?.end();
    expect(await here.begin('upload', newRequest())).toBeDefined();
  });

  test('is ended there once it was asked for and does not move', async () => {
    const { here, there, pass } = start();
    const request = newRequest();
    const upload = await there.begin('upload', request);
    const chunks = upload?.watch(stalled())[Symbol.asyncIterator]();
    await chunks?.next();
    void chunks?.next();
    expect(await here.begin('upload', newRequest())).toBeUndefined();
    expect(request.destroyed).toBe(false);
    pass(60_000);
    await vi.waitFor(() => expect(request.destroyed).toBe(true));
    upload?.end();
    expect(await here.begin('upload', newRequest())).toBeDefined();
  });
});
