import { expect, test } from 'vitest';
import { startBehindProxy } from '../support/network/proxied-world.ts';
import { start } from '../support/process/binary.ts';
import { writeBundle } from '../support/publish/world.ts';

const FILES = { 'linux-x86_64': 'App.AppImage', 'windows-x86_64': 'App-setup.exe' };

type Lost = (method: string, url: string) => boolean;

/** Publishes 1.2.0 with two files, and interrupts that at a request of a kind. */
async function interruptedAt(isThis: (nth: number) => Lost, signal: NodeJS.Signals) {
  const { world, proxy, env } = await startBehindProxy('http');
  for (const name of Object.values(FILES)) await writeBundle(world.folder, name);
  const files = Object.entries(FILES).flatMap(([name, file]) => ['--artifact', `${name}=${file}`]);
  const args = ['publish', '--version', '1.2.0', '--slug', 'my-app', ...files, '--concurrency', '1'];
  const options = { cwd: world.folder, env: { ...world.env, ...env } };
  const publishing = start(args, options);
  let nth = 0;
  proxy.isLost = (method, url) => {
    if (!isThis(nth)(method, url)) {
      if (method === 'PUT' && url.includes('/uploads/')) nth++;
      return false;
    }
    publishing.kill(signal);
    return true;
  };
  const { code, stderr } = await publishing.finished;
  delete proxy.isLost;
  const again = await world.runJson(args, { env });
  return { code, stderr, again };
}

const ofUpload =
  (wanted: number) =>
  (nth: number): Lost =>
  (method, url) =>
    nth === wanted && method === 'PUT' && url.includes('/uploads/');

const SKIPPED = 'complete files are skipped, and of a large file the parts that have arrived';
const CONTINUE = 'Run the same command again to continue';
const POINTS: [string, (nth: number) => Lost, string][] = [
  ['its first request', () => () => true, `${CONTINUE}.`],
  [
    'its first upload',
    ofUpload(0),
    `So far 1.2.0 is a draft with 0 files of this command. ${CONTINUE}: ${SKIPPED}.`,
  ],
  [
    'its second upload',
    ofUpload(1),
    `So far 1.2.0 is a draft with 1 file of this command. ${CONTINUE}: ${SKIPPED}.`,
  ],
  [
    'a check',
    (nth) => (method, url) => nth === 2 && method === 'GET' && /\/my-app\/(linux|windows)\//.test(url),
    `1.2.0 is live, with 2 files of this command. ${CONTINUE} and to verify it.`,
  ],
];

test.each(POINTS)(
  'a publish that is interrupted at %s says what is kept, and continues',
  async (_, at, hint) => {
    const { code, stderr, again } = await interruptedAt(at, 'SIGINT');
    expect(code, stderr).toBe(130);
    expect(stderr).toContain(`error: interrupted by SIGINT.\n  ${hint}\n`);
    expect(again, again.stderr).toMatchObject({ code: 0, document: { release: { status: 'published' } } });
  },
);

test('a publish that is cancelled by SIGTERM says the same, and exits with 143', async () => {
  const { code, stderr } = await interruptedAt(ofUpload(1), 'SIGTERM');
  expect(code).toBe(143);
  expect(stderr).toContain('error: interrupted by SIGTERM.\n  So far 1.2.0 is a draft with 1 file');
});
