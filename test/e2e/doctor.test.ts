import { expect, test } from 'vitest';
import { deadUrl } from '../support/network/loopback-server.ts';
import { run } from '../support/process/binary.ts';
import { copyProject } from '../support/tauri/tauri-project.ts';

test('doctor prints each finding with its id, cause and fix, and ends with the code of the worst', async () => {
  const project = await copyProject({ plugins: { updater: { endpoints: ['{{target}}'] } } });
  const { href } = await deadUrl();
  const { code, stdout, stderr } = await run(['doctor', '--server', href], { cwd: project });
  expect(stdout).toMatch(/^error project\.no_pubkey\n {2}\S.*\.\n {2}Fix: .*\.$/m);
  expect(stdout).toMatch(/^error server\.unreachable$/m);
  expect(stdout).toMatch(/^\d errors, \d warnings?$/m);
  expect(stderr).toContain('problems found');
  expect(code).toBe(4); // before 7: waiting mends nothing of it
});
