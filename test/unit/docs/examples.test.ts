import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfigFile } from '../../../src/cli/config/config-file.ts';
import { CONFIG_FILE } from '../../../src/cli/config/find-config-file.ts';
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
    [
      'docs/self-hosting/backup.md',
      'ini',
      'examples/systemd/synckit-ota-backup.service',
      'examples/systemd/synckit-ota-backup.timer',
    ],
  ])('%s: the blocks of %s are %s', (page, language, ...examples) => {
    expect(blocksIn(readText(page), language).map(({ text }) => text)).toEqual(examples.map(withoutHead));
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
    const compared = new Set(
      ['reverse-proxy', 'several-nodes', 'install', 'backup'].map((name) => `${name}.md`),
    );
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
    const listed = [...readText(page).matchAll(/^\| `(\$?\w+)` /gm)].map(([, name]) => name);
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

describe('compose.yaml with PostgreSQL and S3', () => {
  const folder = 'examples/compose-postgres-s3';
  const { services, volumes, networks, configs } = parse(readText(`${folder}/compose.yaml`));
  const server = services['synckit-ota'];
  const given = (option: string): string => server.command[server.command.indexOf(option) + 1];

  test('starts the server of this repository with existing options and variables', () => {
    expect(existsSync(join(ROOT, normalize(join(folder, server.build)), 'Dockerfile'))).toBe(true);
    const { options } = optionsOf(['serve']);
    for (const name of server.command.filter((word: string) => word.startsWith('--')))
      expect(options).toContain(name);
    for (const name of Object.keys(server.environment).filter((word) => !word.startsWith('AWS_')))
      expect(ENVIRONMENT_VARIABLES).toContain(name);
  });

  test('leads to services, ports and a bucket that are there', () => {
    const { hostname, port } = new URL(given('--s3-endpoint'));
    expect(services[hostname].expose).toEqual([port]);
    expect(services[hostname].command).toContain(`:${port}`);
    expect(services.bucket.environment.AWS_ENDPOINT_URL).toBe(given('--s3-endpoint'));
    expect(services.bucket.command[0]).toContain(`--bucket ${new URL(given('--storage')).hostname}`);
    const database = new URL(server.environment.SYNCKIT_OTA_DATABASE.replace(/\$\{[^}]*\}/, 'secret'));
    expect(services[database.hostname].environment).toMatchObject({
      POSTGRES_USER: database.username,
      POSTGRES_DB: database.pathname.slice(1),
    });
    const proxied = [...configs.caddyfile.content.matchAll(/reverse_proxy ([\w-]+):(\d+)/g)];
    expect(proxied.map(([, name = '']) => name)).toEqual(['synckit-ota', hostname]);
    for (const [, name = '', at] of proxied) expect(services[name].expose).toEqual([at]);
    for (const { depends_on: needed = [] } of Object.values<{ depends_on?: object }>(services))
      for (const name of Array.isArray(needed) ? needed : Object.keys(needed))
        expect(services).toHaveProperty(name);
  });

  test('keeps what has to last in volumes, trusts its own network, and holds no secret', () => {
    const mounted = Object.values<{ volumes?: string[] }>(services).flatMap(({ volumes: of = [] }) => of);
    expect(mounted.map((text) => text.split(':')[0]).sort()).toEqual(Object.keys(volumes).sort());
    expect(networks.default.ipam.config).toEqual([{ subnet: given('--trust-proxy') }]);
    const variables = [...readText(`${folder}/compose.yaml`).matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
    const explained = readText('docs/self-hosting/docker.md');
    for (const name of new Set(variables)) expect(explained).toContain(`${name}=`);
    expect(readText(`${folder}/compose.yaml`)).not.toMatch(/^ +\w*(PASSWORD|SECRET|KEY)\w*: [^$]/m);
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
