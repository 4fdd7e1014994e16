import { describe, expect, test } from 'vitest';
import { REFUSALS, REFUSING_PROXIES, type Refusal } from '../support/network/refusing-proxy.ts';
import { freePorts } from '../support/process/free-ports.ts';
import type { JsonRun } from '../support/process/json-run.ts';
import { checkLinux, publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

/** The setting, or the part, that the hint of each refusal leads to. */
const REMEDIES: Readonly<Record<Refusal, RegExp>> = {
  too_large: /client_max_body_size|LimitRequestBody|max_size/,
  login: /--header/,
  forbidden: /firewall/,
  check_forbidden: /firewall/,
  method: /PUT/,
  silent: /log|--server|longer/,
  other_site: /--server/,
  down: /down/,
};

async function startBehind(start: (serverPort: number) => Promise<URL>): Promise<World> {
  const [port = 0] = await freePorts(1);
  const url = await start(port);
  return startWorld(['--port', String(port), '--public-url', url.origin], url);
}

/** Caddy answers a body that is too large with 502, as if the server was down. */
function isLikeDown(name: string, refusal: Refusal): boolean {
  return refusal === 'down' || (refusal === 'too_large' && name === 'Caddy');
}

function expectInFront({ code, document }: JsonRun, name: string, refusal: Refusal): void {
  const { error } = document;
  const exit = isLikeDown(name, refusal) ? [7, 'network'] : [8, 'not_the_api'];
  expect([code, error?.code], JSON.stringify(document)).toEqual(exit);
  const who = name === 'HAProxy' && refusal === 'silent' ? 'something' : name;
  expect(error.message).toContain(`came from ${who} in front of the server`);
  expect(error.hint).toMatch(REMEDIES[refusal]);
  expect(error.hint).not.toMatch(/token|slug/i);
}

describe.each(REFUSING_PROXIES)('field 12: behind $name', ({ name, isInstalled, lacks, start }) => {
  test.skipIf(!isInstalled).each(REFUSALS.filter((refusal) => !lacks.includes(refusal)))(
    `(needs ${name}) a refusal of its own is not taken for the server's: %s`,
    async (refusal) => {
      const world = await startBehind((port) => start(refusal, port));
      const env = { SYNCKIT_OTA_WAIT: isLikeDown(name, refusal) ? '0' : '' };
      const file = await writeBundle(world.folder, 'App.AppImage', Buffer.alloc(3 * 1024 ** 2, 'app'));
      expectInFront(await world.runJson(publishLinux('1.2.0', file), { env }), name, refusal);
      if (['forbidden', 'login', 'silent', 'other_site', 'down'].includes(refusal)) {
        expectInFront(await world.runJson(['releases', 'list'], { env }), name, refusal);
      }
      if (refusal === 'too_large' || refusal === 'method') return;
      expectInFront(await world.runJson(checkLinux('1.1.0'), { env }), name, refusal);
    },
    60_000,
  );
});
