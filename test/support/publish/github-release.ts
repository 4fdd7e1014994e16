import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { listenHttp } from '../network/loopback-server.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { type InProcessKey, signInProcess } from '../tauri/in-process-signer.ts';
import { copyProject, layOutBuild } from '../tauri/tauri-project.ts';

export interface GithubRelease {
  /** The URL of its `latest.json`. */
  readonly url: string;
  /** What a person has who downloads its files. */
  readonly folder: string;
  /** The requests for files, by name. */
  readonly downloads: string[];
  /** Called before a file is answered; true where it has answered. */
  fault: ((name: string, send: (status: number, body: string | Buffer) => void) => boolean) | undefined;
}

/** The keys of tauri-action's `latest.json`, by the end of a file's name. The first of several has the plain one too. */
const KEYS: readonly (readonly [RegExp, string, string])[] = [
  [/\.AppImage$/, 'linux-x86_64', 'appimage'],
  [/\.deb$/, 'linux-x86_64', 'deb'],
  [/\.rpm$/, 'linux-x86_64', 'rpm'],
  [/\.exe$/, 'windows-x86_64', 'nsis'],
  [/\.msi$/, 'windows-x86_64', 'msi'],
  [/\.app\.tar\.gz$/, 'darwin-aarch64', 'app'],
];

/** A release as tauri-action 1.x publishes it on GitHub, which puts dots for blanks in names, and redirects downloads. */
export async function startGithubRelease(key: InProcessKey, version = '1.2.0'): Promise<GithubRelease> {
  const folder = join(await tempFolder(), 'release');
  await mkdir(folder);
  const project = await copyProject({ version });
  const origin = await listenHttp((request, response) => {
    const { pathname } = new URL(request.url ?? '/', origin);
    const name = decodeURIComponent(basename(pathname));
    const send = (status: number, body: string | Buffer) => response.writeHead(status).end(body);
    if (pathname.startsWith('/me/app/releases/')) {
      response.writeHead(302, { location: `/objects/${encodeURIComponent(name)}` }).end();
      return;
    }
    release.downloads.push(name);
    if (release.fault?.(name, send)) return;
    readFile(join(folder, name)).then(
      (body) => send(200, body),
      () => send(404, 'Not Found'),
    );
  });
  const platforms: Record<string, { signature: string; url: string }> = {};
  const sign = async (file: string) => {
    const arch = file.endsWith('.app.tar.gz') ? '_aarch64' : '';
    const name = basename(file).replaceAll(' ', '.').replace('.app.tar.gz', `${arch}.app.tar.gz`);
    await copyFile(file, join(folder, name));
    const signature = await readFile(await signInProcess(key, file, version), 'utf8');
    await writeFile(join(folder, `${name}.sig`), signature);
    const [, platform = '', kind = ''] = KEYS.find(([pattern]) => pattern.test(name)) ?? [];
    const url = `${origin.origin}/me/app/releases/download/v${version}/${name}`;
    platforms[platform] ??= { signature, url };
    platforms[`${platform}-${kind}`] = { signature, url };
  };
  for (const system of ['linux', 'windows'] as const) await layOutBuild(project, system, { version, sign });
  await layOutBuild(project, 'darwin', { version, sign, archs: ['aarch64'] });
  const latest = { version, notes: 'See the assets below.', pub_date: '2026-11-30T09:00:00.000Z', platforms };
  await writeFile(join(folder, 'latest.json'), JSON.stringify(latest, null, 2));
  const release: GithubRelease = {
    url: `${origin.origin}/me/app/releases/latest/download/latest.json`,
    folder,
    downloads: [],
    fault: undefined,
  };
  return release;
}
