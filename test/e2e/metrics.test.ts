import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../support/docs/pages.ts';
import { run } from '../support/process/binary.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { checkLinux, publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';
import { metricsIn, readScrape } from '../support/server/scraped.ts';

const EXAMPLES = join(ROOT, 'examples');
const DASHBOARD = join(EXAMPLES, 'grafana/synckit-ota.json');
const ALERTS = join(EXAMPLES, 'prometheus/alerts.yml');

/** A server that is asked for metrics, with a release that apps have asked for. */
async function startWatched(...serveArgs: string[]) {
  const world = await startWorld(['--metrics-listen', '127.0.0.1:0', ...serveArgs]);
  const bundle = await writeBundle(world.folder, 'one.AppImage');
  expect(await world.run(publishLinux('1.0.0', bundle))).toMatchObject({ code: 0 });
  expect(await world.run(checkLinux('0.9.0', '--download'))).toMatchObject({ code: 0 });
  const url = String(world.server.logs().find(({ msg }) => msg === 'listening')?.metrics);
  const scrape = async () => (await fetch(url)).text();
  return { ...world, url, scrape };
}

/** Every query of a document, however deep it is in it. */
function queriesIn(document: unknown): string[] {
  if (Array.isArray(document)) return document.flatMap(queriesIn);
  if (typeof document !== 'object' || document === null) return [];
  return Object.entries(document).flatMap(([name, value]) =>
    name === 'expr' && typeof value === 'string' ? [value] : queriesIn(value),
  );
}

test('metrics are those that the dashboard and the alerts ask for, and pass the lint of Prometheus', async () => {
  const { scrape, url, server } = await startWatched();
  const text = await scrape();
  const { types, helps, samples } = readScrape(text);
  expect([...types.keys()].filter((name) => !helps.has(name))).toEqual([]);
  expect(samples.get('synckit_ota_downloads_finished_total')).toBeGreaterThanOrEqual(1);
  const labelled = [...samples.keys()].filter((name) => name.includes('my-app') || name.includes('1.0.0'));
  expect(labelled).toEqual([]);
  const dashboard = queriesIn(JSON.parse(readFileSync(DASHBOARD, 'utf8')));
  const alerts = queriesIn(parse(readFileSync(ALERTS, 'utf8')));
  expect(dashboard.length).toBeGreaterThan(20);
  expect(alerts.length).toBeGreaterThan(5);
  const known = (name: string) => types.has(name) || types.get(name.replace(/_bucket$/, '')) === 'histogram';
  const asked = [...dashboard, ...alerts].flatMap(metricsIn);
  expect(asked.filter((name) => !known(name))).toEqual([]);
  const own = [...types.keys()].filter((name) => name.startsWith('synckit_ota_'));
  expect(own.filter((name) => !asked.some((one) => one.replace(/_bucket$/, '') === name))).toEqual([]);
  if (isInstalled('promtool')) {
    execFileSync('promtool', ['check', 'metrics'], { input: text });
    execFileSync('promtool', ['check', 'rules', ALERTS]);
    execFileSync('promtool', ['check', 'config', join(EXAMPLES, 'prometheus/prometheus.yml')]);
  }
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  expect((await fetch(new URL('/', url))).status).toBe(404);
  expect((await fetch(`${server.url}/metrics`)).status).toBe(404); // never where the apps are
}, 60_000);

test('metrics of several workers are those of all together', async () => {
  const { scrape, server } = await startWatched('--workers', '2');
  const before = readScrape(await scrape()).samples.get('synckit_ota_checks_total{status="204"}') ?? 0;
  const path = '/api/sync/ota/my-app/linux/x86_64/1.0.0';
  for (let i = 0; i < 40; i++) await fetch(server.url + path, { headers: { connection: 'close' } });
  await vi.waitFor(async () => {
    const { samples } = readScrape(await scrape());
    expect(samples.get('synckit_ota_checks_total{status="204"}')).toBe(before + 40);
    expect(samples.get('synckit_ota_build_info{version="0.1.0"}')).toBe(1);
  }, 10_000);
  expect(await server.stop()).toBe(0);
}, 60_000);

test('an address that cannot be listened on is a mistake of the command line', async () => {
  expect(await run(['serve', '--metrics-listen', 'nonsense'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('127.0.0.1:9464'),
  });
});
