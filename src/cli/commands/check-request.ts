import type { InstalledApp } from '../../client/ota-client.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { isVersion, versionOfTag, whyNoVersion } from '../../protocol/version.ts';
import { slugsOfEndpoints } from '../../tauri/project/tauri-config.ts';
import { type ConfigFile, PUBKEY_SOURCE, readConfigFileInto } from '../config/config-file.ts';
import { readExtraHeaders } from '../connection/extra-headers.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { inOwnNames, readPlatform } from '../options/platform-options.ts';
import { readChannel } from '../options/release-options.ts';
import { readInteger, readPublicKey, readServer } from '../options/remote-options.ts';
import { hostPlatform, hostTarget } from '../project/host-platform.ts';
import { findProjectApp } from '../project/project-app.ts';
import type { CheckOptions } from './check-command.ts';

export interface CheckRequest {
  readonly server: URL;
  /** The config file, where that names the server. */
  readonly serverFile: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly app: InstalledApp;
  readonly publicKey: PublicKey | undefined;
  /** Else the manifest is verified with the public key. */
  readonly manifestKey: PublicKey | undefined;
}

/**
 * What is asked, and as which app: the options, else the config file, else the Tauri project in the folder.
 * @throws OtaError `usage`: everything that is wrong
 */
export async function readCheckRequest(options: CheckOptions): Promise<CheckRequest> {
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, options.project);
  const { unreadable, notRead, serverFile } = config;
  const server =
    unreadable && !options.server ? undefined : readServer(options.server ?? config.server, errors);
  const project = await findProject(options.project);
  const platform = readPlatform(inOwnNames(platformOptions(options, project)), errors);
  const publicKey = readCheckKey(options, { config, project }, errors);
  const manifestKey = readPublicKey(options.manifestPubkey, errors, '--manifest-pubkey');
  const slug = options.slug ?? config.slug ?? project?.slug;
  if (!slug) errors.add('no slug given: pass --slug');
  const channel = readChannel(options.channel ?? config.channel, errors);
  const cohort =
    options.cohort === undefined
      ? undefined
      : readInteger({ option: '--cohort', text: options.cohort, min: 0, max: 99 }, errors);
  const headers = readExtraHeaders(options.header, { hasToken: false }, errors);
  const currentVersion = readCurrentVersion(options.currentVersion ?? project?.version ?? '', errors);
  requireConsistent(options, errors);
  if (notRead !== undefined && (server === undefined || !slug)) errors.add(notRead);
  if (!errors.isEmpty || !server || !platform || !slug) throw errors.toError();
  const isManual = options.manual ?? false;
  return {
    server,
    serverFile: options.server ? undefined : serverFile,
    headers,
    app: { ...platform, slug, currentVersion, channel, cohort, isManual, takesLower: options.downgrade },
    publicKey,
    manifestKey,
  };
}

type Project = NonNullable<Awaited<ReturnType<typeof findProject>>>;

/** The app of a Tauri project, as if it was installed on this machine. */
async function findProject(folder: string) {
  const app = await (await findProjectApp({ project: folder }))?.(hostTarget());
  if (app === undefined) return undefined;
  const [slug] = slugsOfEndpoints(app.config.endpoints.value);
  return { slug, version: app.version, pubkey: app.config.pubkey, platform: hostPlatform() };
}

/** What the installed app would verify with: needed for a download only. */
function readCheckKey(
  { pubkey, download }: CheckOptions,
  { config, project }: { readonly config: ConfigFile; readonly project: Project | undefined },
  errors: OptionErrors,
): PublicKey | undefined {
  if (pubkey || !download) return readPublicKey(pubkey, errors);
  if (config.pubkey) return readPublicKey(config.pubkey, errors, PUBKEY_SOURCE);
  return readPublicKey(project?.pubkey?.value, errors, project?.pubkey?.source);
}

function readCurrentVersion(text: string, errors: OptionErrors): string {
  const version = versionOfTag(text) ?? text;
  if (isVersion(version)) return version;
  const mistake = version === '' ? 'is missing' : `${version} ${whyNoVersion(version)}`;
  errors.add(`--current-version ${mistake}: give one like 1.2.0`);
  return version;
}

function requireConsistent(options: CheckOptions, errors: OptionErrors): void {
  const { pubkey, manifestPubkey, download = false, requireManifest } = options;
  if (pubkey && !download && !options.explain)
    errors.add('--pubkey verifies the download: pass --download too');
  if (options.requirePubkey && !pubkey) errors.add('--require-pubkey: no --pubkey is given');
  if ((requireManifest || manifestPubkey) && !download) {
    errors.add('the manifest is compared with the download: pass --download too');
  }
  if (requireManifest && !pubkey && !manifestPubkey) {
    errors.add('--require-manifest needs --pubkey or --manifest-pubkey, to verify it');
  }
  if (options.requireSignedVersion && !pubkey) {
    errors.add('--require-signed-version needs --pubkey, to verify what is signed');
  }
}

/** Outside of a Tauri project none is assumed. */
function platformOptions({ target, arch, bundleType }: CheckOptions, project: Project | undefined) {
  const own = project?.platform;
  return {
    target: target ?? own?.target ?? '',
    arch: arch ?? own?.arch ?? '',
    ...(bundleType !== undefined && { bundleType }),
  };
}
