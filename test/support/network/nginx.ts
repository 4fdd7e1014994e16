import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { blocks } from '../docs/readme.ts';
import { freePorts } from '../process/free-ports.ts';
import { isInstalled } from '../process/is-installed.ts';
import { UNTIL_INPUT_ENDS } from '../process/until-input-ends.ts';

export const nginxIsInstalled = isInstalled('nginx');

const START_TIMEOUT_MS = 10_000;

export interface Nginx {
  readonly url: URL;
  /** What it logged of its own accord. */
  readonly errorLog: () => Promise<string>;
}

/** nginx as the README has it before several nodes, on loopback and without TLS, until the test is finished. */
export async function startNginx(nodePorts: readonly number[]): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-nginx-'));
  const [port = 0] = await freePorts(1);
  await writeFile(join(folder, 'nginx.conf'), mainConfig(folder, readmeServer(port, nodePorts)));
  const config = join(folder, 'nginx.conf');
  const nginx = spawn('sh', ['-c', UNTIL_INPUT_ENDS, 'sh', 'nginx', '-p', folder, '-c', config], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let output = '';
  nginx.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  onTestFinished(async () => {
    const closed = once(nginx, 'close');
    nginx.stdin.end();
    if (nginx.exitCode === null) await closed;
    await rm(folder, { recursive: true, force: true });
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; await sleep(20)) {
    if (await fetch(url).catch(() => undefined)) break;
    if (Date.now() > deadline || nginx.exitCode !== null) throw new Error(`nginx did not start: ${output}`);
  }
  return { url, errorLog: () => readFile(join(folder, 'error.log'), 'utf8') };
}

/** What Debian has around it, in a folder of its own. */
function mainConfig(folder: string, server: string): string {
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
      ${server}
    }`;
}

/** The README's own text, with other addresses. */
function readmeServer(port: number, nodePorts: readonly number[]): string {
  const shown = blocks('nginx').filter((text) => text.includes('upstream'));
  if (shown.length !== 1) throw new Error('the README has one configuration of nginx for several nodes');
  const nodes = [...nodePorts];
  const config = (shown[0] ?? '')
    .replaceAll(/^\s*(ssl_certificate\w*|server_name) .*;$/gm, '')
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replaceAll(/server 10\.0\.0\.\d+:4680/g, () => `server 127.0.0.1:${nodes.shift()}`);
  if (nodes.length > 0 || /ssl|10\.0|undefined/.test(config))
    throw new Error(`it is not what it is taken for:\n${config}`);
  return config;
}
