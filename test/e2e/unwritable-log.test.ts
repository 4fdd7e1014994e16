import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BINARY } from '../support/process/binary.ts';
import { freePorts } from '../support/process/free-ports.ts';
import { tempFolder } from '../support/process/temp-folder.ts';

/** More than a pipe takes without a reader, in log lines. */
const MANY_REQUESTS = 600;
const isLinux = process.platform === 'linux';
const canMount = isLinux && process.getuid?.() === 0;

interface Command {
  readonly pid: number;
  readonly ended: Promise<number | null>;
}

/** Runs a shell command that ends in `exec`, without reading what it writes. */
function startInShell(script: string, env: Readonly<Record<string, string>>): Command {
  const child = spawn('bash', ['-c', script], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pause();
  child.stderr.pause();
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { pid: child.pid ?? -1, ended };
}

interface Served extends Command {
  readonly folder: string;
  readonly url: string;
}

/** Starts `serve` in a shell. @param redirect with `$FOLDER` for a folder of its own, to where it writes */
async function serveTo(redirect: string, { format = 'json', before = ':' } = {}): Promise<Served> {
  const folder = await tempFolder();
  const [port] = await freePorts(1);
  const serve = `exec "$NODE" "$BINARY" serve --port ${port} --data-dir "$FOLDER/data" --log-format ${format} -v`;
  const env = { NODE: process.execPath, BINARY, FOLDER: folder };
  const command = startInShell(`${before}\n${serve} ${redirect}`, env);
  const served = { ...command, folder, url: `http://127.0.0.1:${port}/api/sync/ota` };
  await vi.waitFor(async () => expect((await fetch(served.url)).status).toBe(200), 20_000);
  return served;
}

/** Asks for an app that does not exist, which is one line of the log. @returns how often it was answered */
async function ask({ url }: Served, times: number): Promise<number> {
  let answered = 0;
  for (let i = 0; i < times; i++) {
    const path = `/${'no-such-app-'.repeat(12)}/linux/x86_64/1.0.0`;
    const { status } = await fetch(url + path, { signal: AbortSignal.timeout(5000) });
    if (status === 404) answered++;
  }
  return answered;
}

async function stop({ pid, ended }: Command): Promise<number | null> {
  process.kill(pid, 'SIGTERM');
  return ended;
}

const FAILURES = [
  ['a full disk (ENOSPC)', '>/dev/full 2>/dev/full', ''],
  ['outputs that are open for reading (EBADF)', '1</dev/null 2</dev/null', ''],
  ['closed outputs', '>&- 2>&-', ''],
  [
    'a limit on the size of files (EFBIG)',
    '>>"$FOLDER/log" 2>&1',
    'head -c 4095900 /dev/zero >"$FOLDER/log"; ulimit -f 4000',
  ],
  ['a pipe with no reader left (EPIPE)', '>&3 2>&1', 'exec 3> >(exec true); wait $!'],
  ['a named pipe that is not read (EAGAIN)', '>&3 2>&1', 'mkfifo "$FOLDER/pipe"; exec 3<>"$FOLDER/pipe"'],
  ['a socket that is not read (EAGAIN)', '', ''],
] as const;

describe.skipIf(!isLinux).each(['json', 'pretty'])('field 11: serve with a log in %s', (format) => {
  test.each(FAILURES)('on %s answers everybody, and ends with 0 at SIGTERM', async (_, redirect, before) => {
    const served = await serveTo(redirect, { format, before: before || ':' });
    expect(await ask(served, MANY_REQUESTS)).toBe(MANY_REQUESTS);
    expect(await stop(served)).toBe(0);
  });
});

describe.skipIf(!canMount)('field 11: a log on a disk that fills up and is freed (as root)', () => {
  /** A disk of 1 MiB, with the log and a file that fills it. */
  async function smallDisk(): Promise<string> {
    const mount = join(await tempFolder(), 'disk');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    onTestFinished(() => void execFileSync('umount', ['-l', mount]));
    return mount;
  }

  function fill(file: string): void {
    writeFileSync(file, '');
    for (const size of [65_536, 4096, 512, 1]) {
      try {
        for (;;) appendFileSync(file, Buffer.alloc(size));
      } catch {} // until nothing more fits
    }
  }

  test('says how many lines were lost and why, and loses no others', async () => {
    const disk = await smallDisk();
    const served = await serveTo('>>"$DISK/log"', { before: `DISK="${disk}"` });
    const lines = () =>
      readFileSync(join(disk, 'log'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    const requests = () => lines().filter(({ msg }) => msg === 'request').length;
    await vi.waitFor(() => expect(requests()).toBeGreaterThan(0));
    const before = requests();
    fill(join(disk, 'filler'));
    expect(await ask(served, 100)).toBe(100);
    rmSync(join(disk, 'filler'));
    const losses = () => lines().filter(({ lost }) => lost !== undefined);
    await vi.waitFor(() => expect(losses()).toEqual([expect.objectContaining({ reason: 'ENOSPC' })]), 20_000);
    expect(await ask(served, 10)).toBe(10);
    await vi.waitFor(() => expect(requests() - before + losses()[0].lost).toBe(110)); // a line follows its response
    expect(await stop(served)).toBe(0);
    expect(losses()).toHaveLength(1);
    expect(lines().at(-1)).toMatchObject({ msg: 'stopped' });
  });
});

describe.skipIf(!isLinux)('field 11: dev with an output that cannot be written', () => {
  test.each([
    ['both outputs', '>/dev/full 2>/dev/full'],
    ['its result', '>/dev/full'],
    ['its notes', '2>/dev/full'],
  ])('serves on without %s, and ends with 0 at SIGTERM', async (_, redirect) => {
    const [port] = await freePorts(1);
    const env = { NODE: process.execPath, BINARY, TMPDIR: await tempFolder() };
    const dev = startInShell(
      `cd "$TMPDIR"; exec "$NODE" "$BINARY" dev --sample --port ${port} ${redirect}`,
      env,
    );
    const url = `http://127.0.0.1:${port}/api/sync/ota`;
    await vi.waitFor(async () => expect((await fetch(url)).status).toBe(200), 20_000);
    for (let i = 0; i < 20; i++)
      expect((await fetch(`${url}/no-such-app/linux/x86_64/1.0.0`)).status).toBe(404);
    expect(await stop(dev)).toBe(0);
  });
});
