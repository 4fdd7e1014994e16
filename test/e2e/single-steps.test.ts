import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkLinux, publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';

describe('single steps', () => {
  test('a slug, a release and an artifact make an update', async () => {
    const { run, runJson, folder } = await startWorld();
    const file = await writeBundle(folder, 'App.AppImage');

    expect(await runJson(['publish', 'slug', 'my-app'])).toMatchObject({
      code: 0,
      document: { slug: 'my-app' },
    });
    const args = ['publish', 'release', '--version', 'v1.2.0', '--notes', 'Fixes.'];
    const release = await runJson(args);
    expect(release).toMatchObject({ code: 0, document: { version: '1.2.0', notes: 'Fixes.' } });
    expect((await runJson(args)).document.id).toBe(release.document.id);
    expect(await runJson(checkLinux('1.1.0'))).toMatchObject({ code: 0, document: { update: false } });

    const platform = ['--target', 'linux', '--arch', 'x86_64'];
    const artifact = ['publish', 'artifact', file, '--release', release.document.id, ...platform];
    const uploaded = await runJson(artifact);
    expect(uploaded).toMatchObject({ code: 0 });
    expect(uploaded.document).toEqual({
      target: 'linux',
      arch: 'x86_64',
      bundle_type: null,
      file,
      size: 10_000,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      action: 'uploaded',
    });
    expect(await runJson(artifact)).toMatchObject({ code: 0, document: { action: 'skipped' } });
    expect(await runJson(checkLinux('1.1.0'))).toMatchObject({
      document: { update: true, version: '1.2.0' },
    });

    await writeFile(file, 'other bytes');
    expect(await runJson(artifact)).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
    const unknown = await run(['publish', 'artifact', file, '--release', '9.9.9', ...platform]);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('no release 9.9.9') });
  });

  test('pains 7: a release that is yanked is not offered, keeps its version, and is offered again when it is restored', async () => {
    const { runJson, folder } = await startWorld();
    const file = await writeBundle(folder, 'App.AppImage');
    expect(await runJson(publishLinux('1.2.0', file))).toMatchObject({ code: 0 });

    const yanked = await runJson(['releases', 'yank', 'v1.2.0']);
    expect(yanked).toMatchObject({ code: 0, document: { version: '1.2.0', status: 'yanked' } });
    expect(await runJson(checkLinux('1.1.0'))).toMatchObject({ document: { update: false } });
    expect(await runJson(publishLinux('1.2.0', file))).toMatchObject({
      code: 5,
      document: { error: { message: '1.2.0 is yanked', hint: expect.stringContaining('releases restore') } },
    });

    const restored = await runJson(['releases', 'restore', yanked.document.id]);
    expect(restored).toMatchObject({ code: 0, document: { status: 'published' } });
    expect(await runJson(checkLinux('1.1.0'))).toMatchObject({ document: { version: '1.2.0' } });
  });

  test('a check can ask for a channel', async () => {
    const { runJson } = await startWorld();
    expect(await runJson(['publish', 'slug', 'my-app'])).toMatchObject({ code: 0 });
    const asked = await runJson(checkLinux('1.1.0', '--channel', 'beta'));
    expect(asked).toMatchObject({ code: 0, document: { update: false } });
    const wrong = await runJson(checkLinux('1.1.0', '--channel', 'Beta!'));
    expect(wrong).toMatchObject({
      code: 2,
      document: { error: { message: expect.stringContaining('--channel') } },
    });
  });

  test('a release can have its own signature, and one with different content is a conflict', async () => {
    const { runJson, folder } = await startWorld();
    await writeFile(join(folder, 'release.sig'), 'for all of them\n');
    const args = ['publish', 'release', '--version', '1.2.0'];
    const signed = await runJson([...args, '--signature-file', 'release.sig']);
    expect(signed).toMatchObject({ code: 0, document: { signature: 'for all of them' } });
    expect(await runJson(args)).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
  });

  test('notes come from a file or from stdin', async () => {
    const { runJson, folder } = await startWorld();
    await writeFile(join(folder, 'notes.md'), '# New\n');
    const release = (version: string, from: string) => [
      'publish',
      'release',
      '--version',
      version,
      '--notes-file',
      from,
    ];
    expect((await runJson(release('1.0.0', 'notes.md'))).document.notes).toBe('# New');
    expect((await runJson(release('1.1.0', '-'), { input: 'From stdin.\n' })).document.notes).toBe(
      'From stdin.',
    );
  });

  test('settings come from the nearest config file, unless options or the environment override them', async () => {
    const { run, runJson, folder, env } = await startWorld();
    const file = await writeBundle(folder, 'App.AppImage');
    const config = { server: env.SYNCKIT_OTA_SERVER, app: env.SYNCKIT_OTA_APP, slug: 'from-config' };
    await writeFile(join(folder, 'synckit-ota.config.json'), JSON.stringify(config));
    const publish = ['publish', '--version', '1.2.0', '--artifact', `linux-x86_64=${file}`];
    const unset = { SYNCKIT_OTA_SERVER: '', SYNCKIT_OTA_APP: '' };
    const published = await runJson(publish, { env: unset });
    expect(published.code, published.stderr).toBe(0);
    expect(published.document.artifacts[0].url).toContain('/from-config/');
    const wrong = await run(publish, { env: { ...unset, SYNCKIT_OTA_SERVER: 'ftp://env' } });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--server ftp://env') });
  });
});

describe('releases', () => {
  test('are listed, shown by id and version, and deleted', async () => {
    const { run, runJson, folder } = await startWorld();
    const file = await writeBundle(folder, 'App.AppImage');
    for (const version of ['1.10.0', '1.2.0'])
      expect(await run(publishLinux(version, file, '--allow-lower'))).toMatchObject({ code: 0 });

    const { document: releases } = await runJson(['releases', 'list']);
    expect(releases.map(({ version }: { version: string }) => version)).toEqual(['1.10.0', '1.2.0']);
    expect((await run(['releases', 'list'])).stdout).toMatch(
      /^version .*\n1\.10\.0 .* linux-x86_64 .*\n1\.2\.0 .*\n$/,
    );
    const { document: shown } = await runJson(['releases', 'show', releases[0].id]);
    const artifacts = [{ ...releases[0].artifacts[0], signature: 'signature of App.AppImage' }];
    expect(shown).toEqual({ ...releases[0], artifacts, notes: null, signature: null }); // which the list leaves out
    for (const name of ['1.10.0', 'v1.10.0']) {
      expect((await runJson(['releases', 'show', name])).document).toEqual(shown);
    }
    expect(await run(['releases', 'show', '9.9.9'])).toMatchObject({ code: 2 });

    const deleted = await runJson(['releases', 'delete', '1.10.0']);
    expect(deleted).toMatchObject({ code: 0, document: { deleted: shown } });
    expect(await runJson(checkLinux('1.1.0'))).toMatchObject({
      document: { update: true, version: '1.2.0' },
    });
    expect(await run(['releases', 'delete', '1.10.0'])).toMatchObject({ code: 2 });
    expect((await runJson(['releases', 'list'])).document).toHaveLength(1);
  });
});
