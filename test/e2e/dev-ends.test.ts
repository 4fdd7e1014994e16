import { readdir, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { basename, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { UpdateResponse } from '../../src/protocol/messages.ts';
import { listenHttp } from '../support/network/loopback-server.ts';
import { run } from '../support/process/binary.ts';
import {
  APP_IMAGE,
  BUNDLES,
  startDev,
  startDevSession,
  temporaryFilesIn,
  unsignedProject,
} from '../support/process/dev-session.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { copyProject, layOutBuild } from '../support/tauri/tauri-project.ts';

describe('everything that dev creates is removed', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('after %s, with exit code 0', async (signal) => {
    const project = await unsignedProject();
    const overlay = join(project, 'src-tauri/tauri.update.conf.json');
    const { dev, document, temporaryFiles } = await startDevSession(['--overlay', overlay], { cwd: project });
    expect(document.overlay).toBe(overlay);
    expect(await temporaryFiles()).toHaveLength(1);
    dev.kill(signal);
    expect(await dev.finished).toMatchObject({ code: 0 });
    expect(await temporaryFiles()).toEqual([]);
    expect(await readdir(join(project, 'src-tauri'))).not.toContain(basename(overlay));
  });

  test('after a second signal, without waiting for a download in progress', async () => {
    const project = await unsignedProject();
    const overlay = join(project, 'overlay.json');
    const app = join(project, BUNDLES, 'appimage', APP_IMAGE);
    await writeFile(app, Buffer.concat([await readFile(app), Buffer.alloc(64 * 1024 * 1024)]));
    const { dev, document, temporaryFiles } = await startDevSession(['--overlay', overlay], { cwd: project });
    const check = `${document.url}/api/sync/ota/note-taker/linux/x86_64/1.2.0?bundle_type=appimage`;
    const { url } = (await (await fetch(check)).json()) as UpdateResponse;
    const { headers } = await fetch(url, { redirect: 'manual' });
    const stalled = http.get(headers.get('location') ?? '', (response) => response.pause());
    stalled.on('error', () => {});
    await new Promise((resolve) => stalled.once('response', resolve));
    dev.kill('SIGINT');
    await vi.waitFor(() => expect(dev.output.stderr).toContain('Shutting down'));
    dev.kill('SIGINT');
    expect(await dev.finished).toMatchObject({ code: 130 });
    expect(await temporaryFiles()).toEqual([]);
    expect(await readdir(project)).not.toContain('overlay.json');
  });

  test('after a signal before it is ready', async () => {
    const temporary = await tempFolder();
    const dev = startDev(['--sample'], { env: temporaryFilesIn(temporary) });
    await vi.waitUntil(async () => (await readdir(temporary)).length > 0, { timeout: 20_000, interval: 1 });
    dev.kill('SIGINT');
    expect(await dev.finished).toMatchObject({ code: 0 });
    expect(await readdir(temporary)).toEqual([]);
  });

  test('by the next run, when a killed run left an overlay behind', async () => {
    const project = await unsignedProject();
    const args = ['--overlay', join(project, 'overlay.json')];
    const killed = await startDevSession(args, { cwd: project });
    killed.dev.kill('SIGKILL');
    await killed.dev.finished;
    expect(await readdir(project)).toContain('overlay.json');
    const { document } = await startDevSession(args, { cwd: project });
    expect(document.pubkey).not.toBe(killed.document.pubkey);
    expect(await readFile(document.overlay, 'utf8')).toContain(document.pubkey);
  });
});

describe('dev fails and leaves nothing behind with', () => {
  async function refused(args: readonly string[], cwd: string) {
    const temporary = await tempFolder();
    const { code, stdout, stderr } = await run(['dev', ...args], { cwd, env: temporaryFilesIn(temporary) });
    expect(stdout).toBe('');
    expect(await readdir(temporary)).toEqual([]);
    return { code, stderr };
  }

  test('a bundle of the wrong arch', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { updaterArtifacts: false, archsInside: ['aarch64'] });
    const { code, stderr } = await refused([], project);
    expect(code).toBe(4);
    expect(stderr).toContain('is mislabelled: its name says x86_64, its header says aarch64');
  });

  test('a project that was not built', async () => {
    const { code, stderr } = await refused([], await copyProject());
    expect(code).toBe(2);
    expect(stderr).toMatch(/no bundle of Note Taker 1\.2\.0 found in .*\. Run `tauri build` first/);
  });

  test('an overlay path where another file exists', async () => {
    const project = await unsignedProject();
    const file = join(project, 'src-tauri/tauri.conf.json');
    const before = await readFile(file, 'utf8');
    const { code, stderr } = await refused(['--overlay', file], project);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('already exists') });
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  test('several invalid options, which are all reported', async () => {
    const wrong = [
      '--project',
      'nowhere',
      '--port',
      '70000',
      '--version',
      '1.2',
      '--overlay',
      'no/where.json',
    ];
    const { code, stderr } = await refused(wrong, await tempFolder());
    expect(code).toBe(2);
    for (const words of [
      '--project nowhere contains no Tauri project',
      '--port 70000',
      '--version 1.2 is not strict semver',
      '--overlay no/where.json is in a folder that does not exist',
    ]) {
      expect(stderr).toContain(words);
    }
    expect((await refused(['--sample', '--project', '.'], await tempFolder())).stderr).toContain(
      'cannot be used together',
    );
    expect((await refused(['--overlay', 'a.json'], await tempFolder())).stderr).toContain(
      'not with the sample',
    );
  });

  test('a port that is in use', async () => {
    const { port } = await listenHttp((_, response) => response.end());
    const { code, stderr } = await refused(['--sample', '--port', port], await tempFolder());
    expect(code).toBe(2);
    expect(stderr).toContain(
      `cannot listen on 127.0.0.1 port ${port}: the port is in use.\n  Choose another with --port`,
    );
  });
});
