import { expect, test } from 'vitest';
import { checkLinux, publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';

test('a release goes to a share of the apps, is paused, and then goes to everyone', async () => {
  const { run, runJson, folder } = await startWorld();
  const offered = async (...more: string[]) => {
    const { document } = await runJson(checkLinux('0.9.0', ...more));
    return document.version;
  };
  const one = await writeBundle(folder, 'one.AppImage');
  const two = await writeBundle(folder, 'two.AppImage');
  expect(await runJson(publishLinux('1.0.0', one))).toMatchObject({ code: 0 });
  expect(await runJson(publishLinux('1.1.0', two, '--rollout', '10%'))).toMatchObject({
    code: 0,
    document: { status: 'published', artifacts: [{ verified: true }], release: { rollout: { share: 10 } } },
  });
  expect(await runJson(publishLinux('1.1.0', two, '--rollout', '10%'))).toMatchObject({ code: 0 });
  expect(await offered()).toBe('1.0.0');
  expect((await runJson(checkLinux('0.9.0'))).document.rollout).toEqual({
    everyone: '1.0.0',
    manual: '1.1.0',
  });
  const held = '1.1.0 is being rolled out, and not offered to this app yet';
  expect((await run(checkLinux('0.9.0'))).stdout).toContain(held);
  const upToDate = (await run(checkLinux('1.0.0'))).stdout;
  expect(upToDate).toContain('No update: ');
  expect(upToDate).toContain(held);
  expect((await run(checkLinux('1.0.0', '--manual'))).stdout).toContain(
    '1.1.0 is being rolled out: not every app',
  );
  expect(await offered('--manual')).toBe('1.1.0');
  const cohorts = await Promise.all(['0', '1', '2', '3'].map((cohort) => offered('--cohort', cohort)));
  expect(['1.0.0', '1.1.0']).toEqual(expect.arrayContaining(cohorts));

  expect((await run(['releases', 'rollout', '1.1.0', '25%'])).stdout).toBe(
    '1.1.0 is offered to 25 % of the apps.\n',
  );
  expect((await run(['releases', 'pause', '1.1.0'])).stdout).toBe(
    '1.1.0 is paused (offered to 25 % of the apps).\n',
  );
  expect(await offered('--manual')).toBe('1.0.0');
  expect((await run(['releases', 'list'])).stdout).toContain('paused');
  expect((await run(['releases', 'show', '1.1.0'])).stdout).toContain('paused (offered to 25 % of the apps)');
  expect(await runJson(['releases', 'resume', '1.1.0'])).toMatchObject({
    document: { rollout: { percent: 25 } },
  });
  expect((await run(['releases', 'rollout', '1.1.0', '--over', '3d'])).stdout).toEqual(
    expect.stringMatching(
      /^1\.1\.0 is offered to 25 % of the apps, growing to everyone until \d{4}-.*Z\.\n$/,
    ),
  );
  expect((await run(['releases', 'rollout', '1.1.0', '100%'])).stdout).toBe(
    '1.1.0 is offered to everyone.\n',
  );
  expect(await offered()).toBe('1.1.0');
  expect((await run(checkLinux('0.9.0'))).stdout).not.toContain('rolled out');

  const scheduled = publishLinux(
    '1.2.0',
    await writeBundle(folder, 'three.AppImage'),
    '--at',
    '2199-12-01T09:00Z',
  );
  expect((await run(publishLinux('1.1.1', one, '--rollout', '30%'))).stdout).toContain(
    'Published 1.1.1. It is offered to 30 % of the apps.\n',
  );
  await run(['releases', 'yank', '1.1.1']);
  expect((await run(['releases', 'pause', '1.1.1'])).stdout).toBe(
    '1.1.1 is yanked. Once it is restored, it is paused (offered to 30 % of the apps).\n',
  );
  expect((await run(['releases', 'restore', '1.1.1'])).stdout).toBe(
    '1.1.1 is live again, and paused (offered to 30 % of the apps).\n',
  );
  await run(['releases', 'delete', '1.1.1']);
  expect(await runJson(scheduled)).toMatchObject({ code: 0, document: { artifacts: [{ verified: true }] } });
  expect(await offered('--manual')).toBe('1.1.0');
  expect(await runJson(publishLinux('1.1.0', two, '--rollout', '10%'))).toMatchObject({
    document: {
      warnings: expect.arrayContaining([expect.stringContaining('1.1.0 exists, and is for everyone')]),
    },
  });
  expect(await run(['releases', 'rollout', '1.1.0', '250%'])).toMatchObject({ code: 2 });
  expect(await run(['releases', 'rollout', '1.1.0'])).toMatchObject({ code: 2 });
});
