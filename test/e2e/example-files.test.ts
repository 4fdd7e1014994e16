import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { EXAMPLES, ROOT } from '../support/docs/pages.ts';
import { caddyIsInstalled, nginxConfig, nginxIsInstalled } from '../support/network/example-proxy.ts';
import { BINARY } from '../support/process/binary.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';

const TLS = fileURLToPath(new URL('../fixtures/tls', import.meta.url));

const systemdIsInstalled = isInstalled('systemd-analyze');

const run = promisify(execFile);

function examplesIn(folder: string, extension: string) {
  return EXAMPLES.filter(({ path }) => path.startsWith(`examples/${folder}/`) && path.endsWith(extension));
}

describe.skipIf(!systemdIsInstalled)('the units (needs systemd-analyze)', () => {
  test.each(examplesIn('systemd', '.service'))(
    '$path is accepted without a warning',
    async ({ path, text }) => {
      const unit = join(await tempFolder(), basename(path));
      await writeFile(unit, text.replace('/usr/bin/synckit-ota', BINARY));
      expect(await run('systemd-analyze', ['verify', unit])).toEqual({ stdout: '', stderr: '' });
    },
  );

  test('the socket belongs to its service, and is accepted without a warning', async () => {
    const folder = await tempFolder();
    for (const { path, text } of [
      ...examplesIn('systemd', '.service'),
      ...examplesIn('systemd', '.socket'),
    ]) {
      await writeFile(join(folder, basename(path)), text.replace('/usr/bin/synckit-ota', BINARY));
    }
    const socket = join(folder, 'synckit-ota.socket');
    expect(await run('systemd-analyze', ['verify', socket])).toEqual({ stdout: '', stderr: '' });
  });
});

describe.skipIf(!nginxIsInstalled)('the configurations of nginx (needs nginx)', () => {
  test.each(examplesIn('nginx', '.conf'))(
    '$path is accepted, with TLS and without a warning',
    async ({ text }) => {
      const folder = await tempFolder();
      const config = join(folder, 'nginx.conf');
      const servers = text
        .replace('/etc/ssl/updates.example.com.pem', join(TLS, 'cert.pem'))
        .replace('/etc/ssl/updates.example.com.key', join(TLS, 'key.pem'));
      await writeFile(config, nginxConfig(folder, servers));
      const { stderr } = await run('nginx', ['-t', '-p', folder, '-c', config]);
      expect(stderr).toContain('test is successful');
      expect(stderr).not.toContain('[warn]');
    },
  );
});

describe.skipIf(!caddyIsInstalled)('the Caddyfile (needs caddy)', () => {
  test('is formatted, and accepted unchanged', async () => {
    const config = join(ROOT, 'examples/caddy/Caddyfile');
    const home = await tempFolder();
    const env = { ...process.env, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
    const { stdout } = await run('caddy', ['validate', '--adapter', 'caddyfile', '--config', config], {
      env,
    });
    expect(stdout).toContain('Valid configuration');
    await run('caddy', ['fmt', config], { env }); // fails unless it is formatted
  });
});
