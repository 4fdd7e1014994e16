import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CONFIG_FILE, readConfigFile } from '../../../src/cli/options/config-file.ts';
import { parsePlatform } from '../../../src/protocol/platform.ts';
import { ENVIRONMENT_VARIABLES, optionsOf } from '../../support/docs/command-tree.ts';
import { blocksIn } from '../../support/docs/markdown.ts';
import { EXAMPLES, PAGES, ROOT, readText } from '../../support/docs/pages.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { S3_RIGHTS } from '../../support/s3/s3-rights.ts';

/** An example without the comment at its start, which says how to use it. */
function withoutHead(path: string): string {
  return readText(path).replace(/^(#.*\n)+/, '');
}

test('each example is in the table of examples/README.md', () => {
  const table = readText('examples/README.md');
  for (const { path } of EXAMPLES) expect(table).toContain(`(${path.replace('examples/', '')})`);
});

describe('what the docs show of an example matches the example', () => {
  test.each([
    ['docs/self-hosting/reverse-proxy.md', 'nginx', 'examples/nginx/single-node.conf'],
    ['docs/self-hosting/reverse-proxy.md', 'caddy', 'examples/caddy/Caddyfile'],
    ['docs/self-hosting/several-nodes.md', 'nginx', 'examples/nginx/several-nodes.conf'],
    ['docs/self-hosting/several-nodes.md', 'ini', 'examples/systemd/synckit-ota-node.service'],
    ['docs/self-hosting/install.md', 'ini', 'examples/systemd/synckit-ota.env'],
  ])('%s: the block of %s is %s', (page, language, example) => {
    expect(blocksIn(readText(page), language).map(({ text }) => text)).toEqual([withoutHead(example)]);
  });

  test.each([
    ['README.md', 'examples/config/tauri.conf.json'],
    ['docs/publishing/quick-start.md', 'examples/config/tauri.conf.json'],
    ['docs/self-hosting/s3.md', 'examples/s3/policy.json'],
  ])('%s: the block of JSON is %s', (page, example) => {
    const shown = blocksIn(readText(page), 'json').map(({ text }) => JSON.parse(text));
    expect(shown).toEqual([JSON.parse(readText(example))]);
  });

  test('every block of these languages is compared', () => {
    const compared = new Set(['reverse-proxy', 'several-nodes', 'install'].map((name) => `${name}.md`));
    const others = PAGES.filter(({ path }) => !compared.has(path.slice(path.lastIndexOf('/') + 1)));
    expect(others.flatMap(({ text }) => blocksIn(text, 'nginx', 'caddy', 'ini'))).toEqual([]);
  });
});

describe('a config file', () => {
  const files = EXAMPLES.filter(({ path }) => path.endsWith(CONFIG_FILE));
  const page = 'docs/publishing/config-file.md';
  const shown = blocksIn(readText(page), 'json').map(({ text }, i) => ({
    path: `${page}, block ${i + 1}`,
    text,
  }));

  test.each([...files, ...shown])('is accepted: $path', async ({ text }) => {
    const folder = await tempFolder();
    await writeFile(join(folder, CONFIG_FILE), text);
    const config = readConfigFile(folder);
    const platforms = [...(config.expect ?? []), ...Object.keys(config.artifacts?.patterns ?? {})];
    for (const name of platforms.filter((platform) => platform !== 'darwin-universal')) {
      expect(parsePlatform(name), name).toBeDefined();
    }
  });

  test('may have the settings that its page lists', () => {
    const listed = [...readText(page).matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
    const known = new Set([...files, ...shown].flatMap(({ text }) => Object.keys(JSON.parse(text))));
    expect(new Set(listed)).toEqual(known);
  });
});

test("the bucket's policy allows what the server needs, and nothing else", () => {
  const { Statement: statements } = JSON.parse(readText('examples/s3/policy.json'));
  const allowed = statements.flatMap(({ Action }: { Action: string[] }) => Action);
  expect(allowed.toSorted()).toEqual([...S3_RIGHTS].toSorted());
});

test('lifecycle rules for the bucket expire no served file', () => {
  const { Rules: rules } = JSON.parse(readText('examples/s3/lifecycle.json'));
  const expiring = rules.filter((rule: object) => 'Expiration' in rule);
  expect(expiring).toMatchObject([{ Filter: { Prefix: 'updates/staging/' } }]);
});

describe('the environment files', () => {
  test.each(EXAMPLES.filter(({ path }) => path.endsWith('.env')))(
    '$path sets only variables that are read',
    ({ text }) => {
      const names = [...text.matchAll(/^(\w+)=/gm)].map(([, name = '']) => name);
      expect(names.length).toBeGreaterThan(1);
      for (const name of names.filter((variable) => !variable.startsWith('AWS_'))) {
        expect(ENVIRONMENT_VARIABLES).toContain(name);
      }
    },
  );
});

describe('compose.yaml', () => {
  const { services, volumes, networks } = parse(readText('examples/docker/compose.yaml'));
  const server = services['synckit-ota'];

  test('builds the Dockerfile of this repository, and uses its volume', () => {
    const context = normalize(join('examples/docker', server.build));
    expect(existsSync(join(ROOT, context, 'Dockerfile'))).toBe(true);
    const dockerfile = readText('Dockerfile');
    const [volume, folder] = server.volumes[0].split(':');
    expect(volumes).toHaveProperty(volume);
    expect(dockerfile).toContain(`VOLUME ${folder}`);
    expect(dockerfile).toContain(`SYNCKIT_OTA_DATA=${folder}`);
    expect(dockerfile).toContain(`EXPOSE ${server.expose[0]}`);
  });

  test('starts the server with existing options', () => {
    const { options } = optionsOf(['serve']);
    const given = server.command.filter((word: string) => word.startsWith('--'));
    expect(given.length).toBeGreaterThan(1);
    for (const name of given) expect(options).toContain(name);
  });

  test("trusts the proxy's network, and the proxy leads to the server", () => {
    const trusted = server.command[server.command.indexOf('--trust-proxy') + 1];
    expect(networks.default.ipam.config).toEqual([{ subnet: trusted }]);
    const proxied = services.caddy.command.at(-1);
    expect(proxied).toBe(`synckit-ota:${server.expose[0]}`);
    const host = services.caddy.command[services.caddy.command.indexOf('--from') + 1];
    expect(server.command).toContain(`https://${host}`);
  });
});

test('units and proxies agree on addresses', () => {
  const unit = readText('examples/systemd/synckit-ota-node.service');
  const nginx = readText('examples/nginx/several-nodes.conf');
  const host = /--host ([\d.]+)/.exec(unit)?.[1];
  const balancer = /--trust-proxy ([\d.]+)/.exec(unit)?.[1];
  expect(nginx).toContain(`server ${host}:4680`);
  expect(nginx).toContain(balancer);
});

test('the examples that pages name in commands exist', () => {
  const named = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:^|[\s`])(examples\/[\w./-]+\w)/gm)].map(([, file = '']) => ({ path, file })),
  );
  for (const { path, file } of named) expect(existsSync(join(ROOT, file)), path).toBe(true);
});
