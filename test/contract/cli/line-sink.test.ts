import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { LineSink } from '../../../src/cli/output/line-sink.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

const LINE_BYTES = 1000;

/** A numbered line of that length. */
const line = (number: number) => `${String(number).padEnd(LINE_BYTES - 1, '.')}\n`;

function opened(file: string, flags: number): number {
  const fd = openSync(file, flags);
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** A pipe that is read only on demand. */
async function unreadPipe() {
  const file = join(await tempFolder(), 'pipe');
  execFileSync('mkfifo', [file]);
  const fd = opened(file, constants.O_RDWR | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(256 * 1024);
  let text = '';
  const readAll = () => {
    try {
      for (;;) text += buffer.toString('utf8', 0, readSync(fd, buffer));
    } catch {} // EAGAIN: it is empty
    return text.split('\n').slice(0, -1);
  };
  return { fd, readAll };
}

describe.skipIf(process.platform === 'win32')('field 11: a pipe with a stalled reader', () => {
  test('gets every line but those that did not fit into memory, in order, with their number', async () => {
    const { fd, readAll } = await unreadPipe();
    const sink = new LineSink(fd);
    sink.describeLoss = (lost, reason) => `lost ${lost} ${reason}\n`;
    for (let number = 0; number < 5000; number++) sink.write(line(number));
    await vi.waitFor(() => expect(readAll().at(-1)).toMatch(/^lost/), 20_000);
    sink.write(line(5000));
    await vi.waitFor(() => expect(readAll().at(-1)).toMatch(/^5000/), 20_000);
    const received = readAll();
    const lost = Number(/^lost (\d+) EAGAIN$/.exec(received.at(-2) ?? '')?.[1]);
    const numbers = received
      .filter((text) => text.length === LINE_BYTES - 1)
      .map((text) => Number.parseInt(text, 10));
    expect(numbers).toEqual([...Array(5000 - lost).keys(), 5000]);
    expect(received).toHaveLength(numbers.length + 1);
    expect((5000 - lost) * LINE_BYTES).toBeLessThan(1.2 * 1024 * 1024);
  });

  test('is not waited for when the process ends', async () => {
    const { fd, readAll } = await unreadPipe();
    const sink = new LineSink(fd);
    for (let number = 0; number < 500; number++) sink.write(line(number));
    sink.end();
    expect(readAll().length).toBeLessThan(500);
  });
});

test.skipIf(process.platform !== 'linux')('field 11: a line that cannot be written is no error', () => {
  const sink = new LineSink(opened('/dev/full', constants.O_WRONLY));
  for (let number = 0; number < 100; number++) expect(() => sink.write(line(number))).not.toThrow();
  expect(() => sink.end()).not.toThrow();
});

test('field 11: a line that is longer than what is kept in memory is written whole', async () => {
  const file = join(await tempFolder(), 'log');
  const sink = new LineSink(opened(file, constants.O_WRONLY | constants.O_CREAT));
  const long = `${'x'.repeat(3 * 1024 * 1024)}\n`;
  sink.write(long);
  expect(readFileSync(file, 'utf8')).toBe(long);
});
