import { describe, expect, test } from 'vitest';
import { FAULTS } from '../../src/cli/dev/fault-name.ts';
import { run } from '../support/process/binary.ts';
import { startDevSession } from '../support/process/dev-session.ts';
import { tempFolder } from '../support/process/temp-folder.ts';

/** The sample with a fault, checked as an app of its platform does. */
async function checkWith(fault: string, currentVersion = '1.0.0') {
  const { document, lines } = await startDevSession(['--fault', fault], { cwd: await tempFolder() });
  const [{ target, arch, size }] = document.artifacts;
  const place = ['--server', document.url, '--slug', document.slug, '--target', target, '--arch', arch];
  const more = ['--current-version', currentVersion, '--download', '--pubkey', document.pubkey, '--json'];
  const download = async () => {
    const url = `${document.url}/api/sync/ota/${document.slug}/${target}/${arch}/${currentVersion}`;
    const update = (await (await fetch(url)).json()) as { url: string; version: string };
    const response = await fetch(update.url);
    const body = await response.arrayBuffer().catch((error: Error) => error);
    return {
      update,
      status: response.status,
      bytes: body instanceof Error ? 'cut off' : body.byteLength,
      size,
    };
  };
  return { document, lines, check: () => run(['check', ...place, ...more]), download };
}

describe('dev --fault spoils what an app gets, after the update was published', () => {
  test.each([
    ['wrong-signature', 6, 'signature does not verify'],
    ['truncated', 6, 'does not verify'],
    ['html', 8, 'HTML'],
  ])('%s', async (fault, exit, reason) => {
    const { check, document } = await checkWith(fault);
    expect(document.fault).toBe(fault);
    const { code, stdout, stderr } = await check();
    expect(stdout + stderr).toContain(reason);
    expect(code).toBe(exit);
  });

  test('cut=30', async () => {
    const { download, lines } = await checkWith('cut=30');
    expect(await download()).toMatchObject({ status: 200, bytes: 'cut off' });
    expect(lines()).toContain('download: cut on purpose');
  });

  test('expired', async () => {
    const { download } = await checkWith('expired');
    expect(await download()).toMatchObject({ status: 403 });
  });

  test('500', async () => {
    const { document } = await checkWith('500');
    expect((await fetch(`${document.url}/api/sync/ota/sample/linux/x86_64/1.0.0`)).status).toBe(500);
  });

  test('loop: the version itself is offered the update', async () => {
    const { download } = await checkWith('loop', '1.0.1');
    const { update, bytes, size } = await download();
    expect([update.version, bytes]).toEqual(['1.0.1', size]);
  });

  test('slow: all of it arrives, in pieces', async () => {
    const { download, lines } = await checkWith('slow');
    const { bytes, size } = await download();
    expect(bytes).toBe(size);
    expect(lines()).toContain('download: slow on purpose');
  });

  test('another name is refused, and the message lists all', async () => {
    const { code, stderr } = await run(['dev', '--fault', 'fire', '--sample']);
    expect(code).toBe(2);
    for (const name of Object.keys(FAULTS)) expect(stderr).toContain(name);
  });
});
