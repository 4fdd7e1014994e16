import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from '../process/free-ports.ts';
import { isInstalled } from '../process/is-installed.ts';
import { S3_CREDENTIALS } from './s3-credentials.ts';

const exec = promisify(execFile);

/** The names of the packages on Debian. */
export const CEPH_PACKAGES = ['radosgw', 'ceph-mon', 'ceph-osd'] as const;
const START_TIMEOUT_MS = 90_000;

/** Whether a gateway can be started here. */
export const cephIsInstalled = CEPH_PACKAGES.every(isInstalled);

/**
 * Starts a one-node Ceph on loopback, all of it in `folder` and in memory: a monitor, an object store, and the gateway
 * that speaks S3. It outlives this process; `stopCeph` ends it.
 * @returns the gateway's URL; `S3_CREDENTIALS` is its only user
 */
export async function startCeph(folder: string): Promise<string> {
  const [gateway, monitor, monitorV1] = await freePorts(3);
  const url = `http://127.0.0.1:${gateway}`;
  const conf = join(folder, 'ceph.conf');
  const fsid = randomUUID();
  const addresses = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${monitorV1}]`;
  for (const name of ['mon', 'osd', 'rgw', 'run']) await mkdir(join(folder, name), { recursive: true });
  await writeFile(conf, configuration(folder, fsid, addresses, gateway ?? 0));
  const deadline = Date.now() + START_TIMEOUT_MS;
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    while (!(await isSo().catch(() => false))) {
      if (Date.now() > deadline) throw new Error(`${what} did not start: see ${folder}`);
      await sleep(200);
    }
  };
  const ceph = (...args: string[]) => exec('ceph', ['-c', conf, ...args], { timeout: 5000 });

  await createKeys(join(folder, 'keyring'));
  const map = join(folder, 'monmap');
  const mapArgs = ['--create', '--fsid', fsid, '--addv', 'a', addresses, '--enable-all-features', map];
  await exec('monmaptool', mapArgs);
  const keyring = join(folder, 'keyring');
  await exec('ceph-mon', ['-c', conf, '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring]);
  await startDaemon(folder, 'ceph-mon', ['-c', conf, '-i', 'a', '-f']);
  await until('ceph-mon', async () => (await ceph('mon', 'stat')).stdout !== '');

  const osd = randomUUID();
  await ceph('osd', 'new', osd, '0');
  const memory = ['-c', conf, '-i', '0', '--osd-objectstore', 'memstore'];
  await exec('ceph-osd', [...memory, '--mkfs', '--osd-uuid', osd]);
  await startDaemon(folder, 'ceph-osd', [...memory, '-f']);
  await until('ceph-osd', async () => (await ceph('osd', 'stat')).stdout.includes('1 up'));

  await startDaemon(folder, 'radosgw', ['-c', conf, '-n', 'client.rgw.a', '-f']);
  await until('radosgw', async () => (await fetch(url)).ok);
  await createCephUser(folder, 'ota', S3_CREDENTIALS);
  return url;
}

/** Ends what `startCeph` started in the folder, by process id, and removes it. */
export async function stopCeph(folder: string): Promise<void> {
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.pid'));
  const pids = await Promise.all(
    files.map(async (name) => Number(await readFile(join(folder, name), 'utf8'))),
  );
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of pids.filter(isRunning)) process.kill(pid, signal);
    for (let tries = 0; tries < 25 && pids.some(isRunning); tries++) await sleep(200);
  }
  await rm(folder, { recursive: true, force: true });
}

function configuration(folder: string, fsid: string, addresses: string, port: number): string {
  return `[global]
fsid = ${fsid}
mon initial members = a
mon host = ${addresses}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth allow insecure global id reclaim = false
keyring = ${folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 5000
osd crush chooseleaf type = 0
run dir = ${folder}/run
log file = ${folder}/$name.log
admin socket = ${folder}/run/$name.asok
mon cluster log file = ${folder}/cluster.log
[mon.a]
mon data = ${folder}/mon
[osd.0]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${folder}/rgw
rgw gc obj min wait = 1
rgw gc processor period = 2
`;
}

async function createKeys(keyring: string): Promise<void> {
  const keys: readonly (readonly [string, readonly string[]])[] = [
    ['mon.', ['mon', 'allow *']],
    ['client.admin', ['mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *']],
    ['osd.0', ['mon', 'allow profile osd', 'osd', 'allow *']],
    ['client.rgw.a', ['mon', 'allow rw', 'osd', 'allow rwx']],
  ];
  await exec('ceph-authtool', ['--create-keyring', keyring]);
  for (const [name, caps] of keys) {
    const pairs = caps.flatMap((cap, i) => (i % 2 === 0 ? ['--cap', cap] : [cap]));
    await exec('ceph-authtool', [keyring, '--gen-key', '-n', name, ...pairs]);
  }
}

/** Adds a user with its own keys to the gateway that `startCeph` started in the folder. */
export async function createCephUser(
  folder: string,
  uid: string,
  { accessKey, secretKey }: { accessKey: string; secretKey: string },
): Promise<void> {
  const user = ['user', 'create', `--uid=${uid}`, `--display-name=${uid}`];
  const key = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`];
  await exec('radosgw-admin', ['-c', join(folder, 'ceph.conf'), '-n', 'client.rgw.a', ...user, ...key]);
}

async function startDaemon(folder: string, command: string, args: readonly string[]): Promise<void> {
  const output = openSync(join(folder, `${command}.out`), 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  await writeFile(join(folder, `${command}.pid`), String(child.pid));
  child.unref();
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
