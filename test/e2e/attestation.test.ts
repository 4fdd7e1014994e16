import { expect, test } from 'vitest';
import { identityToken, WORKFLOW } from '../support/attestation/attested-world.ts';
import { startSigstore } from '../support/attestation/sigstore-instance.ts';
import { publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';

test('the binary attests a release by the identity of a job, and verifies who has', async () => {
  const world = await startWorld();
  const sigstore = await startSigstore();
  const instance = await sigstore.files(world.folder, 'log');
  const file = await writeBundle(world.folder, 'App.AppImage');
  const env = { SIGSTORE_ID_TOKEN: identityToken() };
  expect(await world.run(['publish', 'slug', 'my-app'])).toMatchObject({ code: 0 });
  const published = await world.run([...publishLinux('1.2.0', file), '--attest', ...instance], { env });
  expect(published.code, published.stderr).toBe(0);
  const verify = ['verify', '1.2.0', '--slug', 'my-app', ...instance.slice(0, 2), '--attestation-identity'];
  const verified = await world.run([...verify, WORKFLOW]);
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining(`attested by ${WORKFLOW}`)]);
  expect((await world.run([...verify, 'https://github.com/evil/app'])).code).toBe(6);
});
