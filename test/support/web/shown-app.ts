import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Arch, Platform, Target } from '../../../src/protocol/platform.ts';
import type { Services } from '../../../src/server/services.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { Publisher } from '../publish/publisher.ts';
import { openTestServer, type TestServer } from '../server/server.ts';

/** A server that listens, with an app that has a few releases for every system. */
export interface ShownApp {
  readonly server: TestServer;
  /** Where it listens. */
  readonly origin: string;
  readonly app: Publisher;
  /** Releases by their versions, to their ids. */
  readonly releases: ReadonlyMap<string, string>;
}

const NOTES: Readonly<Record<string, string>> = {
  '1.0.0': 'The first release.',
  '1.1.0': '- Search finds text inside attachments\n- Fixed: the window opens where it was closed',
  '1.2.0': [
    '### Tables',
    'Notes can have **tables** now, and they can be pasted from a spreadsheet.',
    '### Faster',
    '- Opens a notebook of 10,000 notes in half a second',
    '- Syncs only what has changed, see [the guide](https://example.com/sync)',
    '### Fixed',
    '- `Ctrl+Z` after a paste takes back the paste, and nothing else',
  ].join('\n\n'),
  '1.3.0-beta.1': 'Try the new editor.',
};

/** The built page for operators. */
const WEB_FOLDER = join(import.meta.dirname, '../../../dist/web');

const DAY_MS = 86_400_000;

interface File {
  readonly platform: Platform;
  readonly fields: { readonly file_name: string; readonly bundle_type?: string };
}

const file = (target: Target, arch: Arch, fields: File['fields']): File => ({
  platform: { target, arch },
  fields,
});

const FILES: readonly File[] = [
  file('windows', 'x86_64', { bundle_type: 'nsis', file_name: 'Note-Taker_setup.exe' }),
  file('windows', 'x86_64', { bundle_type: 'msi', file_name: 'Note-Taker.msi' }),
  file('darwin', 'aarch64', { file_name: 'Note-Taker_aarch64.app.tar.gz' }),
  file('darwin', 'x86_64', { file_name: 'Note-Taker_x64.app.tar.gz' }),
  file('linux', 'x86_64', { bundle_type: 'appimage', file_name: 'Note-Taker.AppImage' }),
  file('linux', 'x86_64', { bundle_type: 'deb', file_name: 'note-taker.deb' }),
  file('linux', 'x86_64', { bundle_type: 'rpm', file_name: 'note-taker.rpm' }),
];

export async function startShownApp(overrides: Partial<Services> = {}): Promise<ShownApp> {
  const server = await openTestServer(await tempFolder(), { web: true, webFolder: WEB_FOLDER, ...overrides });
  onTestFinished(() => server.close());
  const { url: origin } = await server.listen();
  const app = await Publisher.on(server, { name: 'Note Taker', slug: 'note-taker' });
  const releases = new Map<string, string>();
  for (const [i, [version, notes]] of Object.entries(NOTES).entries()) {
    server.now = new Date(Date.now() - (Object.keys(NOTES).length - i) * 30 * DAY_MS);
    const channel = version.includes('beta') ? 'beta' : 'stable';
    releases.set(version, await publish(app, { version, notes, channel }));
  }
  server.now = new Date();
  return { server, origin, app, releases };
}

/** Publishes a release for every system. @returns its id */
export async function publish(
  app: Publisher,
  release: { readonly version: string; readonly [field: string]: unknown },
): Promise<string> {
  const created = await app.send('POST', '/releases', { body: { signature: 's', draft: true, ...release } });
  const { id } = created.json();
  for (const { platform, fields } of FILES) {
    const bytes = Buffer.alloc(300_000, `${release.version} ${fields.file_name}`);
    await app.put(await app.requestUpload(id, bytes.length, platform, fields), bytes);
  }
  await app.send('POST', `/releases/${id}/publish`);
  return id;
}
