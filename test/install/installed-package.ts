import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/*
 * What a user gets: the packed tarball, installed globally under each Node that is supported, by old and new npm, with
 * install scripts and without. From each installation a server is started, and an update published and checked.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODES = [22, 24, 26];
const NPMS = [10, 12];
/** One that is too old. */
const REFUSED_NODE = 20;
/** The program, better-sqlite3, and what better-sqlite3 loads its binary with. */
const PACKAGES = 3;
const START_TIMEOUT_MS = 20_000;

const exec = promisify(execFile);

interface Installation {
  readonly node: string;
  readonly npm: string;
  readonly prefix: string;
}

/** Brings every Node and npm as packages of a folder. */
async function installTools(folder: string): Promise<void> {
  const nodes = [...NODES, REFUSED_NODE].map((version) => [`node${version}`, `npm:node@${version}`]);
  const npms = NPMS.map((version) => [`npm${version}`, `npm:npm@${version}`]);
  const manifest = {
    private: true,
    dependencies: Object.fromEntries([...nodes, ...npms]),
    // npm 12 runs no install script that is not named; these bring Node itself.
    allowScripts: { node: true, ...Object.fromEntries(nodes.map(([name]) => [name, true])) },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await exec('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
}

/** @returns the path of the tarball that would be published */
async function pack(folder: string): Promise<string> {
  await exec('npm', ['pack', '--pack-destination', folder], { cwd: ROOT });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  return join(folder, tarball);
}

/** How this machine reaches the registry. Another npm, with a prefix of its own, does not find where that is set. */
const REGISTRY_SETTINGS = ['registry', 'cafile', 'https-proxy', 'noproxy'];
const registrySettings: Record<string, string> = {};

async function readRegistrySettings(): Promise<void> {
  for (const name of REGISTRY_SETTINGS) {
    const value = (await exec('npm', ['config', 'get', name], { cwd: tmpdir() })).stdout.trim();
    if (value !== '' && value !== 'null' && value !== 'undefined')
      registrySettings[`npm_config_${name.replace('-', '_')}`] = value;
  }
}

/** The environment of somebody who has only this Node, and no other settings of npm's or ours. */
function environmentOf({ node, prefix }: Installation): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(SYNCKIT_OTA_|GITHUB_|npm_)/i.test(name),
  );
  const path = [dirname(node), join(prefix, 'bin'), process.env.PATH].join(delimiter);
  return { ...Object.fromEntries(inherited), ...registrySettings, PATH: path };
}

async function install(installation: Installation, tarball: string, flags: readonly string[]): Promise<void> {
  const { node, npm, prefix } = installation;
  const args = [npm, 'install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', ...flags, tarball];
  await exec(node, args, { env: environmentOf(installation), cwd: prefix });
}

/** The packages in a folder of `node_modules`, with those inside them. */
async function packagesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.name.startsWith('@')) found.push(...(await packagesIn(path)));
    else found.push(entry.name, ...(await packagesIn(join(path, 'node_modules'))));
  }
  return found;
}

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the installed command to its end. */
async function run(
  installation: Installation,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const options = { env: { ...environmentOf(installation), ...env }, cwd: installation.prefix };
  return exec('synckit-ota', args, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

/** As `run`, for a command that has to work. @returns the JSON it printed */
async function runJson(...parameters: Parameters<typeof run>) {
  const { code, stdout, stderr } = await run(...parameters);
  if (code !== 0)
    throw new Error(`synckit-ota ${parameters[1].join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return JSON.parse(stdout);
}

/** Starts the installed `serve`. @returns its URL, and what ends it */
async function startServe(installation: Installation, dataDir: string) {
  const args = ['serve', '--port', '0', '--data-dir', dataDir, '--log-format', 'json'];
  const serve = spawn('synckit-ota', args, {
    env: environmentOf(installation),
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: AbortSignal.timeout(START_TIMEOUT_MS * 3),
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    serve.on('close', resolve).on('error', reject);
  });
  for await (const line of createInterface({ input: serve.stdout })) {
    const { msg, url } = JSON.parse(line);
    if (msg !== 'listening') continue;
    serve.stdout.resume();
    const stop = () => {
      serve.kill('SIGTERM');
      return ended;
    };
    return { url: String(url), stop };
  }
  throw new Error(`serve ended with ${await ended} before it listened`);
}

/** Serves a store of its own, publishes an update to it, and checks for it as an installed app does. */
async function serveAndPublish(installation: Installation): Promise<void> {
  const dataDir = join(installation.prefix, 'data');
  const server = await startServe(installation, dataDir);
  let code: number | null = null;
  try {
    const create = ['apps', 'create', 'App', '--slug', 'my-app', '--data-dir', dataDir, '--json'];
    const app = await runJson(installation, create);
    await requirePages(server.url);
    await publishAndCheck(installation, {
      SYNCKIT_OTA_SERVER: server.url,
      SYNCKIT_OTA_APP: app.id,
      SYNCKIT_OTA_TOKEN: app.token,
    });
  } finally {
    code = await server.stop();
  }
  if (code !== 0) throw new Error(`serve ended with ${code}`);
}

/** The page for operators is in the package, and each app has its own. */
async function requirePages(url: string): Promise<void> {
  const html = await (await fetch(`${url}/admin/`)).text();
  for (const [, path] of html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)) {
    const { status } = await fetch(`${url}/admin/${path}`);
    if (status !== 200) throw new Error(`the page's ${path} is answered with ${status}`);
  }
  const page = await (await fetch(`${url}/my-app`)).text();
  if (!html.includes('assets/') || !page.includes('<h1>App</h1>')) throw new Error('a page is missing');
}

async function publishAndCheck(
  installation: Installation,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const bundle = join(installation.prefix, 'App.AppImage');
  await writeFile(bundle, 'the app');
  await writeFile(`${bundle}.sig`, 'its signature');
  const artifact = ['--artifact', `linux-x86_64=${bundle}`];
  const publish = ['publish', '--version', '1.1.0', '--slug', 'my-app', ...artifact, '--json'];
  const { status } = await runJson(installation, publish, env);
  if (status !== 'published') throw new Error(`the publish is ${status}`);
  const platform = ['--target', 'linux', '--arch', 'x86_64', '--current-version', '1.0.0'];
  const check = ['check', '--slug', 'my-app', ...platform, '--download', '--json'];
  const { version } = await runJson(installation, check, env);
  if (version !== '1.1.0') throw new Error(`the check found ${version}`);
}

/** An older Node reports what is needed before anything is loaded. */
async function requireRefusal(installation: Installation): Promise<void> {
  const { code, stdout, stderr } = await run(installation, ['--version']);
  const isOneSentence = /^error: [^\n]*Node 22[^\n]*\n$/.test(stderr);
  if (code !== 2 || stdout !== '' || !isOneSentence) {
    throw new Error(
      `Node ${REFUSED_NODE} is not refused in one sentence with 2, but: ${code} ${stderr}${stdout}`,
    );
  }
}

async function testInstallations(folder: string): Promise<void> {
  const tools = join(folder, 'tools');
  await mkdir(tools);
  await readRegistrySettings();
  await installTools(tools);
  const tarball = await pack(folder);
  const nodeOf = (version: number) => join(tools, 'node_modules', `node${version}`, 'bin', 'node');
  const npmOf = (version: number) => join(tools, 'node_modules', `npm${version}`, 'bin', 'npm-cli.js');
  let count = 0;
  const installWith = async (nodeVersion: number, npmVersion: number, flags: readonly string[]) => {
    const prefix = join(folder, `prefix-${count++}`);
    await mkdir(prefix);
    const installation = { node: nodeOf(nodeVersion), npm: npmOf(npmVersion), prefix };
    const startedAt = performance.now();
    await install(installation, tarball, flags);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const packages = await packagesIn(join(prefix, 'lib', 'node_modules'));
    console.log(
      `Node ${nodeVersion}, npm ${npmVersion} ${flags.join(' ')}: ${packages.length} packages in ${seconds} s`,
    );
    if (packages.length !== PACKAGES)
      throw new Error(`${PACKAGES} packages were to be installed: ${packages.join(', ')}`);
    return installation;
  };
  for (const node of NODES) {
    for (const npm of NPMS) {
      for (const flags of [[], ['--ignore-scripts']]) {
        await serveAndPublish(await installWith(node, npm, flags));
      }
    }
  }
  const installed = await installWith(NODES[0] ?? 0, NPMS[0] ?? 0, []);
  await requireRefusal({ ...installed, node: nodeOf(REFUSED_NODE) });
  console.log(`Node ${REFUSED_NODE}: refused`);
}

const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-install-'));
try {
  await testInstallations(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
