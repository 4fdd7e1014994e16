import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type Serving } from '../support/process/binary.ts';

/** Variables of a process: here those by which a client knows server, app and token. */
type Environment = Readonly<Record<string, string>>;

/** @param env of the server's store @returns that of a client that may publish */
export async function createBenchApp(server: Serving, slug: string, env: Environment): Promise<Environment> {
  const { stdout } = await run(['apps', 'create', 'Bench', '--slug', slug, '--json'], { env });
  const { id, token } = JSON.parse(stdout);
  return { SYNCKIT_OTA_SERVER: server.url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
}

/** Publishes bytes as a release of their own. @returns its id */
export async function publishBytes(
  folder: string,
  env: Environment,
  version: string,
  bytes: Buffer,
): Promise<string> {
  const file = join(folder, 'bench-app.bin');
  await writeFile(file, bytes);
  await writeFile(`${file}.sig`, 'not checked here');
  const args = ['publish', '--version', version, '--artifact', `linux-x86_64=${file}`, '--json'];
  const { code, stdout, stderr } = await run(args, { env });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout).release.id;
}
