import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { API_ROOT } from '../../src/protocol/routes.ts';
import { blocksIn } from '../support/docs/markdown.ts';
import { readText } from '../support/docs/pages.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { Publisher, startServer } from '../support/publish/publisher.ts';
import { CARGO_ENVIRONMENT } from './plugins.ts';

const CRATE = fileURLToPath(new URL('first-lines', import.meta.url));
const PAGE = readText('docs/reference/openapi.md');

describe.skipIf(!isInstalled('cargo'))('the first lines in Rust (need cargo)', () => {
  test('ask for an update and download it, with the crates that the page names', async () => {
    const folder = await tempFolder();
    await cp(CRATE, folder, { recursive: true });
    const manifest = readText('test/tauri-client/first-lines/Cargo.toml');
    for (const [, crate = ''] of PAGE.matchAll(/`(\w+ = \{ version[^`]*)`/g))
      expect(manifest).toContain(crate);
    const [lines = { text: '' }] = blocksIn(PAGE, 'rust');
    await mkdir(join(folder, 'src'));
    await writeFile(join(folder, 'src/main.rs'), lines.text);
    const server = await startServer();
    const app = await Publisher.on(server);
    const { url, drain } = await server.listen();
    onTestFinished(() => drain());
    const env = { ...CARGO_ENVIRONMENT, OTA: url + API_ROOT };
    const args = ['run', '--release', '--locked', '--quiet'];
    const run = async () => (await promisify(execFile)('cargo', args, { cwd: folder, env })).stdout.trim();
    await app.publish('1.1.0');
    expect(await run()).toBe('up to date');
    await app.publish('1.2.0', Buffer.from('the new version'));
    expect(await run()).toBe(`1.2.0 15 ${'signature of 1.2.0'.length}`);
  });
});
