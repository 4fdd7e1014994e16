import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import type { UpdateResponse } from '../../src/protocol/messages.ts';
import { mergePatch } from '../../src/tauri/project/merge-config.ts';
import { deadUrl } from '../support/network/loopback-server.ts';
import { run } from '../support/process/binary.ts';
import {
  APP_IMAGE,
  BUNDLES,
  startDev,
  startDevSession,
  unsignedProject,
} from '../support/process/dev-session.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { runJson } from '../support/publish/world.ts';
import { copyProject, layOutBuild } from '../support/tauri/tauri-project.ts';

/** The project's configuration in an app that is built with `--config FILE`. */
async function configWith(project: string, overlay: string) {
  const [base, patch] = await Promise.all(
    [join(project, 'src-tauri/tauri.conf.json'), overlay].map(async (file) =>
      JSON.parse(await readFile(file, 'utf8')),
    ),
  );
  // biome-ignore lint/suspicious/noExplicitAny: the test states what it expects of it
  return mergePatch(base, patch) as any;
}

/** The response to a check by the sample project's app. */
async function ask(endpoint: string, values: Readonly<Record<string, string>>) {
  const answer = await fetch(fillIn(endpoint, { ...ASKING, ...values }));
  return {
    status: answer.status,
    update: answer.status === 200 ? ((await answer.json()) as UpdateResponse) : undefined,
  };
}

/** The URL that Tauri's updater makes from an endpoint: unknown placeholders stay unchanged. */
function fillIn(endpoint: string, values: Readonly<Record<string, string>>): string {
  return endpoint.replace(/\{\{(\w+)\}\}/g, (unfilled, name: string) => values[name] ?? unfilled);
}

const ASKING = { target: 'linux', arch: 'x86_64', current_version: '1.2.0' };

describe('pains 10: an update can be tried out on one machine', () => {
  test('an app with the overlay finds, downloads and verifies the last build as the next version', async () => {
    const project = await unsignedProject({ bundle: { active: true } });
    const before = await readdir(project, { recursive: true });
    const { dev, document, lines, temporaryFiles } = await startDevSession([], { cwd: project });
    expect(document).toMatchObject({ slug: 'note-taker', current_version: '1.2.0', version: '1.2.1' });
    expect(document.artifacts).toEqual(
      ['appimage', 'deb', 'rpm'].map((bundle_type) =>
        expect.objectContaining({ target: 'linux', arch: 'x86_64', bundle_type }),
      ),
    );

    const config = await configWith(project, document.overlay);
    expect(config).toMatchObject({
      productName: 'Note Taker',
      version: '../package.json',
      bundle: { active: true, createUpdaterArtifacts: false },
    });
    const { pubkey, endpoints, ...more } = config.plugins.updater;
    expect(more).toEqual({ dangerousInsecureTransportProtocol: true });
    expect(pubkey).toBe(document.pubkey);
    expect(endpoints).toHaveLength(1);

    const { update } = await ask(endpoints[0], { bundle_type: 'appimage' });
    expect(update).toMatchObject({ version: '1.2.1', notes: expect.stringContaining('Notes can be pinned') });
    const checked = await runJson([
      ...['check', '--server', document.url, '--slug', document.slug, '--download', '--pubkey', pubkey],
      ...['--target', 'linux', '--arch', 'x86_64', '--bundle-type', 'appimage', '--current-version', '1.2.0'],
    ]);
    expect(checked).toMatchObject({ code: 0, document: { download: { signature_valid: true } } });
    expect(await fetchBytes(update)).toEqual(await readFile(join(project, BUNDLES, 'appimage', APP_IMAGE)));

    // As an older updater asks, without bundle types, and as apps ask that are not to be updated.
    expect(await ask(endpoints[0], {})).toMatchObject({ update: { version: '1.2.1' } });
    expect(await ask(endpoints[0], { current_version: '1.2.1' })).toMatchObject({ status: 204 });
    expect(await ask(endpoints[0], { arch: 'aarch64' })).toMatchObject({ status: 204 });
    const [check, download] = [
      'check by linux-x86_64-appimage at 1.2.0: offered 1.2.1',
      `download of ${APP_IMAGE} (64 B): complete`,
    ];
    await vi.waitFor(() => expect(lines()).toHaveLength(7));
    expect(lines()).toEqual([
      check,
      check,
      download,
      download,
      'check by linux-x86_64 at 1.2.0: offered 1.2.1',
      'check by linux-x86_64 at 1.2.1: no update, because 1.2.1 is not newer',
      'check by linux-aarch64 at 1.2.0: no update, because nothing was built for linux-aarch64',
    ]);

    dev.kill('SIGINT');
    expect(await dev.finished).toMatchObject({ code: 0 });
    expect(await temporaryFiles()).toEqual([]);
    expect(await readdir(project, { recursive: true })).toEqual(before);
    expect((await stat(document.overlay).catch(({ code }) => code)).toString()).toBe('ENOENT');
  });

  test.skipIf(!isInstalled('minisign'))(
    "minisign accepts the served file with the overlay's key (needs minisign)",
    async () => {
      const folder = await tempFolder();
      const { document } = await startDevSession([], { cwd: await unsignedProject() });
      const overlay = JSON.parse(await readFile(document.overlay, 'utf8'));
      const { pubkey, endpoints } = overlay.plugins.updater;
      const { update } = await ask(endpoints[0], { bundle_type: 'deb' });
      const [file, key] = [join(folder, 'update'), join(folder, 'key.pub')];
      await writeFile(file, await fetchBytes(update));
      await writeFile(`${file}.minisig`, Buffer.from(update?.signature ?? '', 'base64'));
      await writeFile(key, Buffer.from(pubkey, 'base64'));
      const { stdout } = await promisify(execFile)('minisign', ['-V', '-m', file, '-p', key]);
      expect(stdout).toContain('Signature and comment signature verified');
      expect(stdout).toMatch(/file:Note Taker_1\.2\.0_amd64\.deb\tversion:1\.2\.1$/m);
    },
  );

  test("the project's own signatures stay unchanged, whatever key they were made with", async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    const { document } = await startDevSession(['--version', 'v2.0.0-rc.1'], { cwd: project });
    expect(document).toMatchObject({ version: '2.0.0-rc.1' });
    const signature = await readFile(join(project, BUNDLES, 'appimage', `${APP_IMAGE}.sig`), 'utf8');
    expect(signature).toBe(`signature of ${APP_IMAGE}`);
  });

  test('outside of a project a sample is served, and the printed command works unchanged', async () => {
    const folder = await tempFolder();
    const dev = startDev([], { cwd: folder });
    const printed = await vi.waitUntil(
      () => /check --download.*\n {2}curl -i .*\n/.exec(dev.output.stdout),
      20_000,
    );
    const [check = '', curl = ''] = printed[0].trim().split(/\n\s*/);
    const checked = await run(check.split(' '));
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining('The signature is valid.') });
    expect((await fetch(curl.replace('curl -i ', ''))).status).toBe(200);
    await vi.waitFor(() => {
      expect(dev.output.stdout).toMatch(/ {2}download of Sample\.AppImage \(65 kB\): complete\n/);
    });
    dev.kill('SIGTERM');
    expect(await dev.finished).toMatchObject({ code: 0, stdout: expect.not.stringContaining('--config') });
    expect(await readdir(folder)).toEqual([]);
  });
});

async function fetchBytes(update: UpdateResponse | undefined): Promise<Buffer> {
  return Buffer.from(await (await fetch(update?.url ?? '')).arrayBuffer());
}

test('dev ignores servers, tokens and proxies in the environment', async () => {
  const elsewhere = await deadUrl();
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'SYNCKIT_OTA_SERVER'];
  const env = {
    ...Object.fromEntries(names.map((name) => [name, elsewhere.href])),
    SYNCKIT_OTA_TOKEN: 'of-production',
    SYNCKIT_OTA_APP: 'of-production',
  };
  const { document } = await startDevSession(['--sample'], { env });
  expect(document).toMatchObject({ slug: 'sample', overlay: null, artifacts: [{ size: 65_000 }] });
});
