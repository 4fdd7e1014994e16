import cluster from 'node:cluster';
import { shownUrl, withShownUrl } from '../../client/shown-url.ts';
import { withoutEndSlashes } from '../../protocol/routes.ts';
import type { ListenAddress } from '../../server/listen.ts';
import type { MetricsAddress } from '../../server/metrics/metrics-server.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from './option-errors.ts';
import { readInteger } from './remote-options.ts';

/** The first descriptor that systemd passes: sd_listen_fds(3). */
const FIRST_PASSED_FD = 3;

export interface ListenOptions {
  readonly host: string;
  readonly port: string;
  readonly listen?: string | undefined;
}

/** Where `serve` listens: `--host` with `--port`, or `--listen`. */
export function readListen(
  { host, port, listen }: ListenOptions,
  environment: Environment,
  errors: OptionErrors,
): ListenAddress {
  if (!listen)
    return { host, port: readInteger({ option: '--port', text: port, min: 0, max: 65_535 }, errors) };
  if (listen === 'systemd') return { fd: readPassedSocket(environment, errors) };
  const path = listen.replace(/^unix:/, '');
  if (path === listen || path === '') {
    errors.add(
      `--listen ${listen} is neither unix:/path nor systemd: for a host and port use --host and --port`,
    );
  }
  return { path };
}

function readPassedSocket({ LISTEN_FDS, LISTEN_PID }: Environment, errors: OptionErrors): number {
  // The socket stays with the process that starts workers.
  const isPassed = cluster.isWorker || (LISTEN_PID === String(process.pid) && Number(LISTEN_FDS) > 0);
  if (!isPassed) {
    errors.add(
      '--listen systemd, but systemd passed no socket to this process: start it by a .socket unit, without npx or a shell',
    );
  } else if (Number(LISTEN_FDS) > 1) {
    errors.add(
      `--listen systemd takes one socket, and ${LISTEN_FDS} were passed: leave one ListenStream in the unit`,
    );
  }
  return FIRST_PASSED_FD;
}

/** Where metrics are asked for: `host:port`. Undefined when it is not given. */
export function readMetricsListen(
  text: string | undefined,
  errors: OptionErrors,
): MetricsAddress | undefined {
  if (text === undefined) return undefined;
  const [, host = '', port = ''] =
    /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)?.filter(Boolean) ?? [];
  if (host === '') {
    errors.add(`--metrics-listen ${text} must be an address and a port, like 127.0.0.1:9464`);
    return undefined;
  }
  return { host, port: readInteger({ option: '--metrics-listen', text: port, min: 0, max: 65_535 }, errors) };
}

/** @returns without a slash at its end */
export function readPublicUrl(text: string | undefined, errors: OptionErrors): string | undefined {
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const hasMore = url && (url.search || url.hash || url.username || url.password);
  if (!url || !/^https?:$/.test(url.protocol) || hasMore || shownUrl(text) === undefined) {
    errors.add(
      `${withShownUrl('--public-url', text)} is not a plain http(s) URL: give it like https://updates.example.com`,
    );
    return undefined;
  }
  return url.origin + withoutEndSlashes(url.pathname);
}
