import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { bytesOfFile, FeedApp, type NamedFile } from '../support/server/feed-app.ts';
import { CARGO_ENVIRONMENT } from './plugins.ts';

const CRATE = fileURLToPath(new URL('velopack', import.meta.url));
const LINUX: NamedFile = { target: 'linux', arch: 'x86_64', name: 'Acme.App-1.2.0-linux-full.nupkg' };
const BETA = { ...LINUX, name: 'Acme.App-1.3.0-beta.1-linux-x64-beta-full.nupkg' };

/** The folder of an app that Velopack has installed. */
async function installApp(version: string, channel: string): Promise<string> {
  const folder = await tempFolder();
  for (const name of ['packages', 'bin']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'UpdateNix'), '');
  const manifest = `<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2010/07/nuspec.xsd"><metadata>
<id>Acme.App</id><version>${version}</version><title>App</title><authors>Acme</authors><description>App</description>
<channel>${channel}</channel><mainExe>app</mainExe><os>linux</os><rid>linux-x64</rid>
</metadata></package>`;
  await writeFile(join(folder, 'sq.version'), manifest);
  return folder;
}

async function update(folder: string, feed: string): Promise<string> {
  const args = ['run', '--release', '--locked', '--quiet', '--', folder, feed];
  return (
    await promisify(execFile)('cargo', args, { cwd: CRATE, env: CARGO_ENVIRONMENT, timeout: 600_000 })
  ).stdout.trim();
}

describe.skipIf(!isInstalled('cargo'))('an app of Velopack (needs cargo)', () => {
  test('finds, downloads and verifies the package that its feed offers', async () => {
    const app = await FeedApp.start();
    const feed = `${app.feeds}velopack`;
    expect(await update(await installApp('1.1.0', 'linux'), feed)).toBe('empty');
    await app.publish({ version: '1.2.0', files: [LINUX] });
    await app.publish({ version: '1.3.0-beta.1', files: [BETA], fields: { channel: 'beta' } });
    const folder = await installApp('1.1.0', 'linux');
    expect(await update(folder, feed)).toBe('Acme.App 1.2.0 1.2.0-linux-x86_64-full.nupkg');
    const saved = await readFile(join(folder, 'packages/1.2.0-linux-x86_64-full.nupkg'));
    expect(saved).toEqual(bytesOfFile('1.2.0', LINUX));
    const beta = await installApp('1.1.0', 'linux-x64-beta');
    expect(await update(beta, feed)).toBe('Acme.App 1.3.0-beta.1 1.3.0-beta.1-linux-x86_64-full.nupkg');
    expect(await update(await installApp('1.2.0', 'linux'), feed)).toBe('empty');
  }, 600_000);
});
