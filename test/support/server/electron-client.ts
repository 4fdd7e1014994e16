import { writeFile } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AppUpdater, UpdateCheckResult, UpdateInfo } from 'electron-updater';
import type { AppAdapter } from 'electron-updater/out/AppAdapter.js';
import { tempFolder } from '../process/temp-folder.ts';

const require = createRequire(import.meta.url);
// Its index would choose an updater of this system by Electron's own.
const { AppImageUpdater } = require('electron-updater/out/AppImageUpdater.js');
const { MacUpdater } = require('electron-updater/out/MacUpdater.js');
const { NsisUpdater } = require('electron-updater/out/NsisUpdater.js');
const { parseUpdateInfo } = require('electron-updater/out/providers/Provider.js');
const { ElectronHttpExecutor } = require('electron-updater/out/electronHttpExecutor.js');

/** electron-updater's own, which sends its requests by Node instead of by Electron. */
class NodeExecutor extends ElectronHttpExecutor {
  createRequest(options: RequestOptions, callback: (response: IncomingMessage) => void): ClientRequest {
    return request(options, callback);
  }

  addRedirectHandlers(): void {}
}

export interface ElectronApp {
  readonly url: string;
  readonly version: string;
  readonly platform: 'win32' | 'linux' | 'darwin';
  readonly channel?: string;
  readonly allowPrerelease?: boolean;
}

/** What an app of electron-updater has been told. */
export interface ElectronUpdate {
  readonly result: UpdateCheckResult | null;
  /** The files that were downloaded and compared by their hashes; none without an update. */
  readonly files: readonly string[];
}

/** Checks for an update, and downloads it, by electron-updater's own code. */
export async function updateByElectron(app: ElectronApp): Promise<ElectronUpdate> {
  const updater = await openUpdater(app);
  const result = await updater.checkForUpdates();
  return { result, files: (await result?.downloadPromise) ?? [] };
}

/** Electron's updater of a system, which neither installs nor restarts anything. */
export async function openUpdater({ url, version, platform, channel }: ElectronApp): Promise<AppUpdater> {
  const folder = await tempFolder();
  const appUpdateConfigPath = join(folder, 'app-update.yml');
  await writeFile(
    appUpdateConfigPath,
    JSON.stringify({ provider: 'generic', url, updaterCacheDirName: 'app' }),
  );
  const adapter: AppAdapter = {
    ...{ version, name: 'app', isPackaged: true, appUpdateConfigPath },
    ...{ userDataPath: folder, baseCachePath: folder },
    whenReady: async () => {},
    relaunch: () => {},
    quit: () => {},
    onQuit: () => {},
  };
  const Updater = { win32: NsisUpdater, linux: AppImageUpdater, darwin: MacUpdater }[platform];
  if (platform === 'linux') process.env.APPIMAGE = join(folder, 'installed.AppImage');
  const updater: AppUpdater = new Updater(null, adapter);
  const logger = { info() {}, warn() {}, error() {}, debug() {} };
  Object.assign(updater, {
    ...{
      httpExecutor: new NodeExecutor(),
      logger,
      channel: channel ?? null,
      disableDifferentialDownload: true,
    },
    _testOnlyOptions: { platform, isUseDifferentialDownload: false },
  });
  updater.on('error', () => {}); // what fails rejects, too
  return updater;
}

/** A channel file, read by electron-updater's own code. */
export function parseChannelFile(text: string): UpdateInfo & Readonly<Record<string, unknown>> {
  return parseUpdateInfo(text, 'latest.yml', new URL('http://127.0.0.1/latest.yml'));
}
