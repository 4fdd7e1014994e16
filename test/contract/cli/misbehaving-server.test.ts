import http, { type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EXTENSIONS } from '../../../src/protocol/extensions.ts';
import { API_ROOT } from '../../../src/protocol/routes.ts';
import { listenUntilFinished } from '../../support/network/loopback-server.ts';
import { run } from '../../support/process/binary.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { checkLinux, publishLinux, writeBundle } from '../../support/publish/world.ts';

const MIB = 1024 * 1024;
/** More than any command needs for one thing, and as many as the pages that a list may have. */
const [MOST_REQUESTS, MOST_PAGES] = [60, 1100];
/** In MiB: the heap of a process that may not grow beyond it. */
const HEAP = 400;

const CAPABILITIES = { name: 'synckit-ota', version: '0.1.0', extensions: [...EXTENSIONS] };
const TIMES = { pub_date: '2026-03-13T12:00:00Z', created_at: '2026-03-13T12:00:00Z' };
const RELEASE = { id: 'r1', version: '1.2.0', status: 'published', artifacts: [], ...TIMES };

interface Misbehaviour {
  readonly name: string;
  /** The codes that say what it is: 7 may pass, 8 and 2 do not, 6 is what apps would get. */
  readonly codes: readonly number[];
  readonly mostRequests?: number;
  /** Only what has a list shows it: the other commands may do their work. */
  readonly only?: string;
  /** Whether it is short for what it describes, or goes on. */
  readonly isLarge?: boolean;
  answer(response: ServerResponse, socket: Socket, path: string): void;
}

const json = (response: ServerResponse, body: string, headers: Record<string, string> = {}) =>
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);

const raw = (text: string) => (_: ServerResponse, socket: Socket) => void socket.end(text);

/** As our server answers, with a list that goes on as this says. */
function paging(link: (page: number) => string, releases: readonly object[] = [RELEASE]) {
  let page = 0;
  return (response: ServerResponse, _: Socket, path: string) => {
    if (path === API_ROOT) json(response, JSON.stringify(CAPABILITIES));
    else {
      page += 1;
      json(response, JSON.stringify(releases), { link: link(page) });
    }
  };
}

function flood(response: ServerResponse, chunk: string): void {
  const goOn = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', goOn);
  goOn();
}

const DEEP = '[{"a":'.repeat(200_000);
const POLLUTING = `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"id":"a","id":"b"}`;

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  {
    name: 'sends a body without end',
    isLarge: true,
    codes: [8],
    answer: (response) => flood(response.writeHead(200), ' '.repeat(MIB)),
  },
  { name: 'sends JSON that is very deep', codes: [8], answer: (response) => json(response, DEEP) },
  {
    name: 'sends JSON that is deep and whole',
    isLarge: true,
    codes: [8],
    answer: (response) => json(response, '['.repeat(3_000_000) + ']'.repeat(3_000_000)),
  },
  {
    name: 'sends JSON with doubled and prototype names',
    codes: [8],
    answer: (response) => json(response, POLLUTING),
  },
  {
    name: 'sends a million wrong releases',
    isLarge: true,
    codes: [8],
    answer: (response) => json(response, `[${'{},'.repeat(1_000_000)}{}]`),
  },
  {
    name: 'sends compressed zeros',
    isLarge: true,
    codes: [8],
    answer: (response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(64 * MIB))),
  },
  {
    name: 'redirects to itself',
    codes: [8],
    answer: (response, _socket, path) => void response.writeHead(302, { location: path }).end(),
  },
  {
    name: 'sends interim responses without end',
    codes: [8],
    answer: (_, socket) => {
      const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100);
      const goOn = () => {
        while (!socket.destroyed && socket.write(early));
      };
      socket.on('drain', goOn);
      goOn();
    },
  },
  {
    name: 'sends less than it announced',
    codes: [7],
    answer: raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]'),
  },
  {
    name: 'sends more than it announced',
    codes: [2, 7, 8],
    answer: raw(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n[${'x'.repeat(1000)}`),
  },
  {
    name: 'sends two lengths',
    codes: [2, 7],
    answer: raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]'),
  },
  {
    name: 'sends chunks without a size',
    codes: [2, 7],
    answer: raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n[]'),
  },
  {
    name: 'sends headers without end',
    codes: [2, 7],
    answer: raw(`HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(200_000)}`),
  },
  { name: 'speaks another protocol', codes: [2], answer: raw('SSH-2.0-OpenSSH_9.6\r\n') },
  { name: 'closes each connection', codes: [7], answer: (_, socket) => void socket.destroy() },
  {
    name: 'lists pages without end',
    codes: [8],
    only: 'list',
    mostRequests: MOST_PAGES,
    answer: paging((page) => `<${API_ROOT}/apps/a1/releases?after=${page}>; rel="next"`),
  },
  {
    name: 'lists large pages without end',
    isLarge: true,
    codes: [8],
    only: 'list',
    answer: paging((page) => `<?after=${page}>; rel=next`, [{ ...RELEASE, notes: 'n'.repeat(15 * MIB) }]),
  },
  {
    name: 'lists one page again and again',
    codes: [8],
    only: 'list',
    answer: paging(() => '<?after=a>; rel=next'),
  },
  {
    name: 'names the next page in a way that cannot be read',
    codes: [0],
    only: 'list',
    answer: paging(() => `${'<'.repeat(4000)}http://[>; rel="next", <${'a'.repeat(4000)}`),
  },
];

/** @returns where it listens, and the paths that were asked for */
async function misbehave({ answer }: Misbehaviour): Promise<{ server: URL; paths: string[] }> {
  const paths: string[] = [];
  const listener = http.createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    paths.push(path);
    request.resume();
    answer(response, request.socket, path);
  });
  return { server: await listenUntilFinished(listener), paths };
}

async function commandsOf(folder: string): Promise<Record<string, readonly string[]>> {
  const file = await writeBundle(folder, 'App.AppImage');
  const wait = ['--wait', '0'];
  return {
    list: ['releases', 'list', ...wait],
    show: ['releases', 'show', '1.2.0', ...wait],
    edit: ['releases', 'edit', '1.2.0', '--notes', 'x', ...wait],
    yank: ['releases', 'yank', '1.2.0', ...wait],
    delete: ['releases', 'delete', '1.2.0', ...wait],
    finish: ['publish', 'finish', '--release', '1.2.0', ...wait],
    publish: publishLinux('1.3.0', file, ...wait),
    check: checkLinux('1.1.0', '--download'),
    verify: ['verify', '1.2.0', '--slug', 'my-app'],
  };
}

describe.each(MISBEHAVIOURS)('attack hostile server: a server that $name', (misbehaviour) => {
  test('ends every command with a sentence and its code, and takes neither memory nor requests without bound', async () => {
    const folder = await tempFolder();
    const { codes, only, mostRequests = MOST_REQUESTS } = misbehaviour;
    for (const [name, args] of Object.entries(await commandsOf(folder))) {
      if (only !== undefined && only !== name) continue;
      const { server, paths } = await misbehave(misbehaviour);
      const env = { SYNCKIT_OTA_SERVER: server.href, SYNCKIT_OTA_APP: 'a1', SYNCKIT_OTA_TOKEN: 'opaque' };
      const { code, stdout, stderr } = await runInProcess(args, { env, cwd: folder });
      const allowed = name === 'finish' ? [...codes, 4] : codes; // a server without drafts, as far as it says
      expect(allowed, `${name}: ${stderr}`).toContain(code);
      if (code !== 0) expect(stderr, name).toMatch(/^error: \S/m);
      expect(stderr, name).not.toMatch(/^\s+at /m);
      expect(stdout.length + stderr.length, name).toBeLessThan(20_000);
      expect(paths.length, name).toBeLessThan(mostRequests);
    }
    expect({}).not.toHaveProperty('polluted');
  }, 60_000);
});

test('attack hostile server: a next page at another origin is asked for at the server itself, with the token', async () => {
  const elsewhere = await misbehave({ name: '', codes: [], answer: (response) => json(response, '[]') });
  const answer = paging((page) => (page > 1 ? '' : `<${elsewhere.server.href}x?after=${page}>; rel="next"`));
  const { server, paths } = await misbehave({ name: '', codes: [], answer });
  const env = { SYNCKIT_OTA_SERVER: server.href, SYNCKIT_OTA_APP: 'a1', SYNCKIT_OTA_TOKEN: 'opaque' };
  expect((await runInProcess(['releases', 'list', '--wait', '0'], { env })).code).toBe(0);
  expect(paths.filter((path) => path.endsWith('/releases'))).toHaveLength(2);
  expect(elsewhere.paths).toEqual([]);
});

test.each(MISBEHAVIOURS.filter(({ isLarge }) => isLarge))(
  'attack hostile server: a list from a server that $name fits into a small heap',
  async (misbehaviour) => {
    const { server } = await misbehave(misbehaviour);
    const env = { SYNCKIT_OTA_SERVER: server.href, SYNCKIT_OTA_APP: 'a1', SYNCKIT_OTA_TOKEN: 'opaque' };
    const limited = { ...env, NODE_OPTIONS: `--max-old-space-size=${HEAP}` };
    const { code, stderr } = await run(['releases', 'list', '--wait', '0'], { env: limited });
    expect(code, stderr).toBe(8);
  },
  60_000,
);
