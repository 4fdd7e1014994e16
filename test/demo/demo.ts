import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { run, startServe } from '../support/process/binary.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { CARGO_FOLDER, canBuildTauri, NEEDED } from '../support/tauri/cargo.ts';
import { generateKey, type SigningKey } from '../support/tauri/signer.ts';
import { TAURI } from '../support/tauri/tauri-cli.ts';

/*
 * A real Tauri app with a window: built as 1.0.0 and 1.1.0 by `tauri build`, published by `publish` without options. Its
 * deb of 1.0.0 is installed; the app then updates itself from `serve`, and starts again as 1.1.0. Its display is in
 * memory. With `--screenshots FOLDER`, what the window shows before and after is kept there.
 */

const exec = promisify(execFile);

const APP = fileURLToPath(new URL('note-taker', import.meta.url));
const PACKAGE = 'note-taker';
const START_TIMEOUT_MS = 60_000;
/** After the app said what it shows: WebKit paints a little later. */
const PAINTED_MS = 3000;

/** What all steps need. */
interface Demo {
  readonly project: string;
  readonly key: SigningKey;
  /** The server and the app's token, for `publish`. */
  readonly env: Readonly<Record<string, string>>;
}

let steps = 0;

function step(text: string): void {
  steps += 1;
  console.log(`\n${steps}. ${text}`);
}

/** Changes the version in the project as a developer does, builds it and publishes it. */
async function release({ project, key, env }: Demo, version: string): Promise<string> {
  await changeConfig(project, (config) => ({ ...config, version }));
  step(`Build ${version}: tauri build --bundles deb`);
  const signing = {
    TAURI_SIGNING_PRIVATE_KEY: key.privateKey,
    TAURI_SIGNING_PRIVATE_KEY_PASSWORD: key.password,
  };
  const building = { CARGO_TARGET_DIR: CARGO_FOLDER, CI: 'true' };
  const build = spawn(TAURI, ['build', '--bundles', 'deb'], {
    cwd: project,
    env: { ...process.env, ...building, ...signing },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(build, 'exit');
  if (code !== 0) throw new Error(`tauri build ended with ${code}`);

  step(`Publish ${version}: synckit-ota publish`);
  const published = await run(['publish'], { cwd: project, env: { ...env, CARGO_TARGET_DIR: CARGO_FOLDER } });
  console.log(published.stderr + published.stdout);
  if (published.code !== 0) throw new Error(`publish ended with ${published.code}`);
  return join(CARGO_FOLDER, `release/bundle/deb/Note Taker_${version}_amd64.deb`);
}

async function changeConfig(
  project: string,
  // biome-ignore lint/suspicious/noExplicitAny: a file of this repository
  change: (config: any) => object,
): Promise<void> {
  const file = join(project, 'src-tauri/tauri.conf.json');
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8'))), undefined, 2));
}

/** A display in memory. @returns its name, and its server */
async function startDisplay(): Promise<{ name: string; server: ChildProcess }> {
  const args = ['-displayfd', '3', '-screen', '0', '480x270x24', '-nolisten', 'tcp'];
  const server = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const [number] = await once(server.stdio[3] as NodeJS.ReadableStream, 'data');
  return { name: `:${String(number).trim()}`, server };
}

/** Starts the installed app. @returns its process, and a wait for a line that it prints */
function startApp(display: string) {
  const env = { ...process.env, DISPLAY: display, GDK_BACKEND: 'x11', WEBKIT_DISABLE_COMPOSITING_MODE: '1' };
  // Of a group of its own, so that also the app that it starts again ends.
  const app = spawn(PACKAGE, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [app.stdout, app.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return {
    async printed(line: string): Promise<void> {
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (!output.includes(line)) {
        if (Date.now() > deadline) throw new Error(`the app did not print "${line}":\n${output}`);
        await sleep(100);
      }
      console.log(`   ${line}`);
    },
    async stop(): Promise<void> {
      if (app.pid !== undefined) process.kill(-app.pid, 'SIGKILL');
    },
  };
}

async function installedVersion(): Promise<string> {
  const { stdout } = await exec('dpkg', ['--status', PACKAGE]);
  return /^Version: (.*)$/m.exec(stdout)?.[1] ?? '';
}

/** @param keep where pictures of the window go, if they are wanted */
async function demo(folder: string, keep: string | undefined): Promise<void> {
  step('Start a server, and create an app in it.');
  const server = await startServe(join(folder, 'data'));
  const cleanUp: (() => unknown)[] = [() => server.stop()];
  try {
    const create = ['apps', 'create', 'Note Taker', '--slug', PACKAGE, '--data-dir', join(folder, 'data')];
    const app = JSON.parse((await run([...create, '--json'])).stdout);
    const env = { SYNCKIT_OTA_SERVER: server.url, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };

    step("Make a key, and name key and server in the project's tauri.conf.json.");
    const project = join(folder, PACKAGE);
    await cp(APP, project, { recursive: true });
    const key = await generateKey(folder);
    const endpoint = `${server.url}/api/sync/ota/${PACKAGE}/{{target}}/{{arch}}/{{current_version}}`;
    await changeConfig(project, (config) => {
      const updater = { ...config.plugins.updater, pubkey: key.publicKey, endpoints: [endpoint] };
      // The server of this demo is on loopback, without TLS.
      return { ...config, plugins: { updater: { ...updater, dangerousInsecureTransportProtocol: true } } };
    });
    // The folder outlives a run, and bundles of a higher version are an error.
    await rm(join(CARGO_FOLDER, 'release/bundle'), { recursive: true, force: true });
    const context = { project, key, env };
    const deb = await release(context, '1.0.0');

    step('Install 1.0.0, and start it.');
    await exec('dpkg', ['--install', deb]);
    cleanUp.unshift(() => exec('dpkg', ['--purge', PACKAGE]));
    const display = await startDisplay();
    cleanUp.unshift(() => display.server.kill());
    const picture = async (name: string): Promise<void> => {
      if (keep === undefined) return;
      await sleep(PAINTED_MS);
      const file = join(keep, `demo-${name}.png`);
      const screen = ['-display', display.name, '-window', 'root'];
      await exec('import', [...screen, '-strip', '-colors', '64', file]);
      console.log(`   ${file}`);
    };
    const before = startApp(display.name);
    cleanUp.unshift(() => before.stop());
    await before.printed('1.0.0 This is the newest version.');
    await picture('before');
    await before.stop();
    cleanUp.shift();

    await release(context, '1.1.0');

    step('Start 1.0.0 once more: it updates itself.');
    const after = startApp(display.name);
    cleanUp.unshift(() => after.stop());
    await after.printed('1.0.0 Installing 1.1.0…');
    await after.printed('1.1.0 This is the newest version.');
    await picture('after');
    const version = await installedVersion();
    if (version !== '1.1.0') throw new Error(`${version} is installed`);
  } finally {
    for (const undo of cleanUp) await undo();
  }
  console.log('\nDone: a real app updated itself from 1.0.0 to 1.1.0.');
}

/** @returns what is missing on this machine */
function missing(screenshots: boolean): string[] {
  const commands = {
    Xvfb: 'xvfb',
    dpkg: 'dpkg',
    sudo: 'sudo',
    ...(screenshots && { import: 'imagemagick' }),
  };
  const absent = Object.entries(commands).filter(([command]) => !isInstalled(command));
  return [
    ...(canBuildTauri() ? [] : [NEEDED]),
    ...absent.map(([, name]) => `needs ${name}`),
    // It installs the app without being asked for a password.
    ...(process.getuid?.() === 0 ? [] : ['needs root']),
  ];
}

const { values } = parseArgs({
  options: { screenshots: { type: 'string' }, 'skip-if-impossible': { type: 'boolean', default: false } },
});
const impossible = missing(values.screenshots !== undefined).join(', ');
if (impossible !== '' && values['skip-if-impossible']) {
  console.log(`The demo is skipped: ${impossible}`);
  process.exit(0);
}
if (impossible !== '') throw new Error(impossible);
const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-demo-'));
try {
  await demo(folder, values.screenshots);
} finally {
  await rm(folder, { recursive: true, force: true });
}
