import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { type Running, start } from '../process/binary.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { publishLinux, writeBundle } from '../publish/world.ts';
import { addApp } from './add-app.ts';
import type { Fleet } from './fleet.ts';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests state what they expect of it
  readonly document: any;
}

/** A fleet with one app, `my-app`; its release 1.0.0 is published and was requested from each node. */
export interface FleetWorld extends Fleet {
  /** Starts a publish through nginx. */
  begin(version: string): Promise<Running>;
  /** Publishes and expects success. */
  publish(version: string): Promise<void>;
  /** Checks as an app with this version, at one server or nginx. */
  check(current?: string, server?: string): Promise<Response>;
  /** The response to an app of 0.9.0: a version, or a status. */
  offered(server?: string): Promise<string | number>;
  /** A call under `/apps/{app_id}`. */
  call(method: string, path: string, body?: object, server?: string): Promise<Answer>;
}

export async function openFleetWorld(fleet: Fleet): Promise<FleetWorld> {
  const folder = await tempFolder();
  const { origin } = fleet.nginx.url;
  const app = await addApp(fleet.database, { name: 'My App', slug: 'my-app' });
  const env = { SYNCKIT_OTA_SERVER: origin, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
  const check: FleetWorld['check'] = (current = '0.9.0', server = origin) =>
    fetch(`${server}/api/sync/ota/my-app/linux/x86_64/${current}`);
  const world: FleetWorld = {
    ...fleet,
    async begin(version) {
      const file = await writeBundle(folder, `App-${version}.AppImage`, randomBytes(300_000));
      return start(publishLinux(version, file), { cwd: folder, env });
    },
    async publish(version) {
      const { code, stderr } = await (await world.begin(version)).finished;
      expect(code, stderr).toBe(0);
    },
    check,
    async offered(server) {
      const answer = await check('0.9.0', server);
      return answer.status === 200 ? ((await answer.json()) as { version: string }).version : answer.status;
    },
    async call(method, path, body, server = origin) {
      const answer = await fetch(`${server}/api/sync/ota/apps/${app.id}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${app.token}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, document: JSON.parse((await answer.text()) || 'null') };
    },
  };
  await world.publish('1.0.0');
  for (const { url } of fleet.nodes) expect(await world.offered(url)).toBe('1.0.0');
  return world;
}
