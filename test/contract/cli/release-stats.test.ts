import { expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { shapeOf } from '../../support/docs/json-shape.ts';
import { blocksIn, sectionsOf } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';

/** A server that has counted: one platform gets the update, another one downloads it in vain. */
async function startCounted() {
  const server = await startServer();
  const { url, drain } = await server.listen();
  onTestFinished(drain);
  server.now = new Date('2026-03-15T12:00:00Z');
  const publisher = await Publisher.on(server);
  await publisher.publish('1.2.0');
  server.now = new Date('2026-03-17T12:00:00Z');
  const [linux, windows] = ['linux-x86_64', 'windows-x86_64'];
  const rows = [
    ['2026-03-17', 'seen', '', '', 4210],
    ['2026-03-17', 'seen', '', windows, 3100],
    ['2026-03-17', 'running', '1.2.0', windows, 2950],
    ['2026-03-17', 'running', '1.0.0', linux, 9],
    ['2026-03-16/P7D', 'seen', '', '', 4300],
    ['2026-03-16/P7D', 'seen', '', windows, 3200],
    ['2026-03', 'seen', '', '', 6900],
    ['2026-03', 'seen', '', windows, 5000],
    ['2026-03', 'offered', '1.2.0', windows, 3078],
    ['2026-03', 'downloaded', '1.2.0', windows, 2997],
    ['2026-03', 'converted', '1.2.0', windows, 2960],
    ['2026-03', 'offered', '1.2.0', linux, 1120],
    ['2026-03', 'downloaded', '1.2.0', linux, 1103],
    ['2026-03', 'converted', '1.2.0', linux, 3],
  ] as const;
  const later = [['2026-03', 'seen', '', '', 500]] as const;
  const insert = async (some: readonly (typeof rows | typeof later)[number][], generation: string) => {
    const values = some.map(([period, kind, version, platform = '', clients]) => ({
      ...{ app_id: publisher.id, period, kind, version, platform, generation, clients },
      ...{ sketch: null, sketch_until: null },
    }));
    await server.database.queries.insertInto('counts').values(values).execute();
  };
  await insert(rows, 'one');
  await insert(later, 'after a restart');
  return ['--server', url, '--app', publisher.id, '--token', publisher.token];
}

test('releases stats shows what is in use, and where an update gets stuck', async () => {
  const remote = await startCounted();
  const { code, stdout } = await runInProcess(['releases', 'stats', ...remote]);
  expect(code).toBe(EXIT.done);
  expect(stdout).toContain('2026-03-17  4210  1.2.0: 2950');
  expect(stdout).toContain('6900 to 7400');
  expect(stdout).not.toContain('1.0.0');
  expect(stdout).toMatch(/1\.2\.0 +4198 +4100 +2960\n/);
  expect(stdout).toMatch(/linux-x86_64 +1120 +1103 +- +stuck: hardly any installs/);
  expect(stdout).not.toMatch(/windows-x86_64 +3078/);

  const { document } = await runJsonInProcess(['releases', 'stats', ...remote]);
  const section = sectionsOf(readText('docs/reference/json.md')).find(
    ({ heading }) => heading === 'releases stats',
  );
  const shown = JSON.parse(blocksIn(section?.text ?? '', 'json')[0]?.text ?? 'null');
  expect(shapeOf(document)).toEqual(shapeOf(shown));

  const one = await runJsonInProcess(['releases', 'stats', '1.3.0', ...remote]);
  expect(one.document).toMatchObject({ days: [], releases: [] });
  const text = await runInProcess(['releases', 'stats', '1.3.0', ...remote]);
  expect(text.stdout).toContain('No update to 1.3.0 was counted yet.\n');
  expect((await runInProcess(['releases', 'stats', '--days', '0', ...remote])).code).toBe(EXIT.usage);
});
