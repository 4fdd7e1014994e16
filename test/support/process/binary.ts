import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The built command, as npm installs it. */
export const BINARY = fileURLToPath(new URL('../../../bin/synckit-ota.js', import.meta.url));

const START_TIMEOUT_MS = 20_000;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to stdin, which is otherwise empty. */
  readonly input?: string;
  /** A different build than this repository's. */
  readonly binary?: string;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The running binary, with its output so far. */
export interface Running {
  readonly pid: number;
  readonly output: { stdout: string; stderr: string };
  readonly finished: Promise<Finished>;
  kill(signal: NodeJS.Signals): void;
}

export interface Serving {
  readonly url: string;
  readonly pid: number;
  /** The log's lines so far. */
  readonly logs: () => Record<string, unknown>[];
  /** The exit code, once it has ended by itself or was stopped. */
  readonly ended: Promise<number | null>;
  /** Stops it as an operator would. @returns its exit code */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const OWN_SETTINGS =
  /^(SYNCKIT_OTA_|GITHUB_|ACTIONS_ID_TOKEN_|FORGEJO_|GITEA_|GITLAB_CI$|CI_|(NO|FORCE)_COLOR$)/;

/** Runs the binary to its end. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return start(args, options).finished;
}

/** Starts the binary without a terminal, and without this process's settings for it. */
export function start(
  args: readonly string[],
  { env, cwd, input, binary = BINARY }: RunOptions = {},
): Running {
  const inherited = Object.entries(process.env).filter(([name]) => !OWN_SETTINGS.test(name));
  const child = spawn(process.execPath, [binary, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}); // it may end without reading its input
  child.stdin.end(input ?? '');
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  return {
    pid: child.pid ?? -1,
    output,
    finished: ended(child).then((code) => ({ code, ...output })),
    kill: (signal) => child.kill(signal),
  };
}

/** Starts `serve` on a free port, and waits until it listens. */
export async function startServe(
  dataDir: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Serving> {
  const serve = start(
    ['serve', '--port', '0', '--data-dir', dataDir, '--log-format', 'json', ...args],
    options,
  );
  const logs = () => parseLines(serve.output.stdout);
  const deadline = Date.now() + START_TIMEOUT_MS;
  let ending: Finished | undefined;
  void serve.finished.then((finished) => {
    ending = finished;
  });
  for (;;) {
    const listening = logs().find(({ msg }) => msg === 'listening');
    if (listening !== undefined) {
      return {
        url: String(listening.url),
        pid: serve.pid,
        logs,
        ended: serve.finished.then(({ code }) => code),
        async stop(signal = 'SIGTERM') {
          serve.kill(signal);
          return (await serve.finished).code;
        },
      };
    }
    if (ending !== undefined || Date.now() > deadline) {
      serve.kill('SIGKILL');
      throw new Error(
        `serve did not start (exit ${ending?.code}): ${serve.output.stderr}${serve.output.stdout}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, 'close');
  return code;
}

function parseLines(text: string): Record<string, unknown>[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}
