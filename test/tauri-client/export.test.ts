import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nginxIsInstalled, startNginxWith } from '../support/network/example-proxy.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { canBuildTauri, NEEDED } from '../support/tauri/cargo.ts';
import { type Build, each, newKey, onEachPlugin, SLUG, startPublishedApp } from './published-app.ts';

/** What the app allows an endpoint, and by when it has to have found the next one, in milliseconds. */
const TIMEOUT_MS = 3000;
const LIMIT_MS = TIMEOUT_MS + 1000;

/** Takes connections and says nothing, as behind a firewall that drops what it should refuse. */
async function startSilentServer(): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}`;
}

describe.skipIf(!canBuildTauri() || !nginxIsInstalled)(
  `an app with an export as its second endpoint (${NEEDED}, nginx)`,
  () => {
    test('field 8: is led to the same version by the export as by the server, also when the server is silent', async () => {
      const app = await startPublishedApp();
      const [first, second] = await Promise.all([newKey(), newKey()]);
      const builds: Build[] = [
        { version: '1.0.0', key: first },
        { version: '1.1.0', key: first, embeds: second },
        { version: '1.2.0', key: second },
        { version: '1.3.0', key: second },
        { version: '1.4.0', key: second, options: ['--rollout', '50%'] },
        { version: '2.0.0', key: second, options: ['--requires', '1.2.0'] },
      ].map((build) => ({ ...build, kinds: ['appimage'] }));
      for (const build of builds) await app.release(build);
      expect(await app.world.run(['releases', 'yank', '1.3.0'])).toMatchObject({ code: 0 });
      const folder = await tempFolder();
      const nginx = await startNginxWith((port) => `server { listen 127.0.0.1:${port}; root ${folder}; }`);
      const args = ['export', folder, '--base-url', nginx.url.origin];
      const exported = await app.world.run(args);
      expect(exported.code, exported.stderr).toBe(0);
      const files = `${nginx.url.origin}/${SLUG}/stable/{{target}}/{{arch}}/{{current_version}}.json`;
      const silent = `${await startSilentServer()}/api/sync/ota/${SLUG}/{{target}}/{{arch}}/{{current_version}}`;
      const led = async (build: Build, endpoints: readonly string[]) => {
        const { publicKey } = build.embeds ?? build.key;
        const updater = { pubkey: publicKey, endpoints };
        const asking = { version: build.version, updater, until: 'download', timeoutMs: TIMEOUT_MS } as const;
        const outcomes = Object.entries(await onEachPlugin(asking));
        return Object.fromEntries(
          outcomes.map(([name, { update, verified, error, checkMs }]) => [
            name,
            { version: update?.version, verified, error, isInTime: (checkMs ?? 0) <= LIMIT_MS },
          ]),
        );
      };
      const versions: unknown[] = [];
      for (const build of builds) {
        const online = await led(build, [app.endpoint]);
        expect(await led(build, [files]), build.version).toEqual(online);
        expect(await led(build, [silent, files]), build.version).toEqual(online);
        expect(online).toMatchObject(each(() => ({ isInTime: true })));
        versions.push(online['plugin-2.14']?.version);
      }
      expect(versions).toEqual(['1.1.0', '1.2.0', '2.0.0', '2.0.0', '2.0.0', undefined]);
    });
  },
);
