import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listenRaw } from '../../support/network/loopback-server.ts';
import { run } from '../../support/process/binary.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

const SECRET = 'canary-in-the-url';

/** A URL that accepts connections and never responds, by scheme. */
async function silent(scheme: string): Promise<URL> {
  const { port } = await listenRaw((socket) => socket.resume());
  return new URL(`${scheme}://127.0.0.1:${port}`);
}

test.each([
  [
    'a database',
    async () => ['--database', `postgres://me:${SECRET}@${(await silent('http')).host}/updates`],
    /cannot be reached: timeout expired/,
  ],
  [
    'a store of files',
    async () => storageOptions({ ...(await fakeS3Place()), endpoint: (await silent('http')).origin }),
    /does not respond in time/,
  ],
  [
    'a store of files, by TLS',
    async () => storageOptions({ ...(await fakeS3Place()), endpoint: (await silent('https')).origin }),
    /cannot be reached|not respond in time/,
  ],
])(
  'serve fails with 9 and one sentence if %s accepts connections and never responds',
  async (_, args, message) => {
    const dataDir = join(await tempFolder(), 'data');
    const serve = ['serve', '--port', '0', '--data-dir', dataDir, ...(await args())];
    const { code, stdout, stderr } = await run(serve);
    expect(stderr).toMatch(/^error: [^\n]+\.\n {2}[^\n]+\.\n$/);
    expect(stderr).toMatch(message);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(code).toBe(9);
  },
);
