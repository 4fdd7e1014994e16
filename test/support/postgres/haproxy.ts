import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';
import { freePorts } from '../process/free-ports.ts';
import { isInstalled } from '../process/is-installed.ts';
import { UNTIL_INPUT_ENDS_BY_TERM } from '../process/until-input-ends.ts';
import type { PostgresCluster } from './postgres.ts';

export const haproxyIsInstalled = isInstalled('haproxy');

/** HAProxy in front of a primary and its standby, until the test is finished. */
export class DatabaseProxy {
  readonly #port: number;
  readonly #admin: string;

  private constructor(port: number, admin: string) {
    this.#port = port;
    this.#admin = admin;
  }

  /** Leads to the first server. */
  static async to(first: PostgresCluster, second: PostgresCluster): Promise<DatabaseProxy> {
    const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-haproxy-'));
    const [port = 0] = await freePorts(1);
    const proxy = new DatabaseProxy(port, join(folder, 'admin.sock'));
    const config = join(folder, 'haproxy.cfg');
    await writeFile(
      config,
      `global
  stats socket ${proxy.#admin} level admin
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen database
  bind 127.0.0.1:${port}
  server first unix@${first.socket}
  server second unix@${second.socket} disabled
`,
    );
    const command = ['-c', UNTIL_INPUT_ENDS_BY_TERM, 'sh', 'haproxy', '-db', '-f', config];
    const haproxy = spawn('sh', command, { stdio: ['pipe', 'ignore', 'ignore'] });
    onTestFinished(async () => {
      const closed = once(haproxy, 'close');
      haproxy.stdin?.end();
      await closed;
      await rm(folder, { recursive: true, force: true });
    });
    await vi.waitFor(() => proxy.#command('show info'));
    return proxy;
  }

  url(direct: string): string {
    return `postgres://postgres@127.0.0.1:${this.#port}${new URL(direct).pathname}`;
  }

  /** Leads new connections to the second server; open ones stay where they are, which is HAProxy's default. */
  async switchOver(): Promise<void> {
    await this.#command('enable server database/second');
    await this.#command('disable server database/first');
  }

  async #command(line: string): Promise<string> {
    const socket = net.connect(this.#admin);
    await once(socket, 'connect');
    socket.end(`${line}\n`);
    return text(socket);
  }
}
