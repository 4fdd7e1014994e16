import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { readText } from '../docs/pages.ts';
import { freePorts } from '../process/free-ports.ts';
import { isInstalled } from '../process/is-installed.ts';
import { UNTIL_INPUT_ENDS, UNTIL_INPUT_ENDS_BY_TERM } from '../process/until-input-ends.ts';

export const nginxIsInstalled = isInstalled('nginx');
export const caddyIsInstalled = isInstalled('caddy');

const START_TIMEOUT_MS = 10_000;

/** A reverse proxy with a configuration from `examples`, on loopback and without TLS, until the test is finished. */
export interface ExampleProxy {
  readonly url: URL;
  /** Its error log. */
  readonly errorLog: () => Promise<string>;
}

/** nginx in front of these nodes. */
export async function startNginx(nodePorts: readonly number[]): Promise<ExampleProxy> {
  return startNginxWith((port) => severalNodes(port, nodePorts));
}

/** nginx in front of one server. */
export async function startNginxForOne(nodePort: number): Promise<ExampleProxy> {
  return startNginxWith((port) => singleNode(port, nodePort));
}

/** Caddy in front of one server. */
export async function startCaddyForOne(nodePort: number): Promise<ExampleProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-caddy-'));
  const [port = 0] = await freePorts(1);
  const config = join(folder, 'Caddyfile');
  await writeFile(config, caddyfile(port, nodePort));
  const env = { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  return startUntilFinished({ folder, port, command: ['caddy', 'run', '--config', config], env });
}

/**
 * nginx's full configuration around an example, as on Debian, in a separate folder.
 * @param servers the text of an example
 */
export function nginxConfig(folder: string, servers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    worker_processes 2;
    pid ${folder}/nginx.pid;
    error_log ${folder}/error.log;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
      ${servers}
    }`;
}

/** nginx with any servers. @param servers their configuration, given the port */
export async function startNginxWith(servers: (port: number) => string): Promise<ExampleProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-nginx-'));
  const [port = 0] = await freePorts(1);
  const config = join(folder, 'nginx.conf');
  await writeFile(config, nginxConfig(folder, servers(port)));
  return startUntilFinished({ folder, port, command: ['nginx', '-p', folder, '-c', config] });
}

export interface ProxyOptions {
  /** Its files; removed when the test is finished. */
  readonly folder: string;
  readonly port: number;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The signal that ends it; by default INT, which HAProxy ignores. */
  readonly endsBy?: 'INT' | 'TERM';
  /** For one that answers no plain HTTP. */
  readonly readyOnceConnected?: boolean;
}

/** Any proxy, until the test is finished. It is ready once it answers anything. */
export async function startUntilFinished({
  folder,
  port,
  command,
  env,
  endsBy = 'INT',
  readyOnceConnected = false,
}: ProxyOptions): Promise<ExampleProxy> {
  const script = endsBy === 'INT' ? UNTIL_INPUT_ENDS : UNTIL_INPUT_ENDS_BY_TERM;
  const proxy = spawn('sh', ['-c', script, 'sh', ...command], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let output = '';
  proxy.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  onTestFinished(async () => {
    const closed = once(proxy, 'close');
    proxy.stdin.end();
    if (proxy.exitCode === null) await closed;
    await rm(folder, { recursive: true, force: true });
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; await sleep(20)) {
    if (await (readyOnceConnected ? accepts(port) : answers(url))) break;
    if (Date.now() > deadline || proxy.exitCode !== null) {
      throw new Error(`${command[0]} did not start: ${output}`);
    }
  }
  return { url, errorLog: () => readFile(join(folder, 'error.log'), 'utf8') };
}

const answers = (url: URL) =>
  fetch(url).then(
    () => true,
    () => false,
  );

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isUp = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isUp;
}

/** The example's own text, with other addresses. */
function severalNodes(port: number, nodePorts: readonly number[]): string {
  const nodes = [...nodePorts];
  const config = withoutTls(readText('examples/nginx/several-nodes.conf'), port).replaceAll(
    /server 10\.0\.0\.\d+:4680/g,
    () => `server 127.0.0.1:${nodes.shift()}`,
  );
  if (nodes.length > 0 || /10\.0|undefined/.test(config)) throw new Error(`not three nodes:\n${config}`);
  return config;
}

function singleNode(port: number, nodePort: number): string {
  const example = readText('examples/nginx/single-node.conf');
  return replaceOnce(withoutTls(example, port), '127.0.0.1:4680', `127.0.0.1:${nodePort}`);
}

function withoutTls(example: string, port: number): string {
  const config = example
    .replaceAll(/^\s*#.*$/gm, '')
    .replaceAll(/^\s*(ssl_certificate\w*|server_name) .*;$/gm, '');
  return replaceOnce(config, 'listen 443 ssl;', `listen 127.0.0.1:${port};`);
}

function caddyfile(port: number, nodePort: number): string {
  const example = readText('examples/caddy/Caddyfile').replaceAll(/^#.*$/gm, '');
  const addressed = replaceOnce(example, 'updates.example.com', `http://127.0.0.1:${port}`);
  const global = '{\n\tadmin off\n}\n';
  return global + replaceOnce(addressed, '127.0.0.1:4680', `127.0.0.1:${nodePort}`);
}

function replaceOnce(text: string, old: string, replacement: string): string {
  if (text.split(old).length !== 2) throw new Error(`"${old}" is not there once:\n${text}`);
  return text.replace(old, replacement);
}
