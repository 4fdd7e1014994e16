import { formatPublicKey, type PublicKey } from '../../protocol/minisign.ts';
import { formatPublicKeyForTauri } from '../../protocol/minisign-signer.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { pathOf } from '../../protocol/routes.ts';
import { compareVersions } from '../../protocol/version.ts';
import { formatBytes, formatTable } from '../format.ts';
import { platformFields, type ReportedArtifact } from '../output/publish-report.ts';
import { hostPlatform } from '../project/host-platform.ts';
import type { DevBuild } from './find-dev-build.ts';

/** A rehearsal that is ready. */
export interface Rehearsal {
  readonly build: DevBuild;
  /** What the build is announced as. */
  readonly version: string;
  /** The server's base URL. */
  readonly url: string;
  readonly publicKey: PublicKey;
  /** The file with the settings; undefined for a sample, which no app can ask for. */
  readonly overlayFile: string | undefined;
  readonly artifacts: readonly ReportedArtifact[];
}

/** The document of `dev --json`. */
export function toDocument({ build, version, url, publicKey, overlayFile, artifacts }: Rehearsal) {
  return {
    url,
    slug: build.slug,
    current_version: build.version,
    version,
    pubkey: formatPublicKeyForTauri(publicKey),
    overlay: overlayFile ?? null,
    artifacts: artifacts.map((artifact) => ({
      ...platformFields(artifact),
      file: artifact.file ?? null,
      size: artifact.size,
      sha256: artifact.sha256,
    })),
  };
}

/** What people read when it is ready: what there is, and what to run. */
export function describe(rehearsal: Rehearsal): string {
  const { build, version, url, overlayFile, artifacts } = rehearsal;
  const files = artifacts.map((artifact) => [
    platformName(artifact),
    formatBytes(artifact.size),
    artifact.file ?? '',
  ]);
  return [
    `Rehearsing the update of ${build.name} from ${build.version} to ${version} at ${url}`,
    indent(formatTable(files)),
    '',
    ...(overlayFile === undefined ? [] : [...appLines(rehearsal, overlayFile), '']),
    ...noteLines(rehearsal),
    overlayFile === undefined ? 'Ask for it as an installed app would:' : 'Or ask as the app would:',
    ...askLines(rehearsal).map(indent),
    '',
    'Every check and download is shown here. Ctrl-C ends it, and leaves nothing behind.',
  ].join('\n');
}

function appLines({ build, version }: Rehearsal, overlayFile: string): string[] {
  const config = `--config ${quote(overlayFile)}`;
  return [
    "To see the app find and verify the update, in the project's folder:",
    indent(`npx tauri dev ${config}`),
    'To see it install the update, build a bundle, install that and start it:',
    indent(`npx tauri build --debug ${config}`),
    `These settings are for this run, so keep it going. The update is your last build, signed for ${version}:`,
    `once installed, the app still says ${build.version}, and asks the endpoint it was built with.`,
  ];
}

function noteLines({ build, version }: Rehearsal): string[] {
  if (compareVersions(version, build.version) > 0) return [];
  const remedy = `run an older one, as a second --config '{"version":"0.0.1"}' makes it, or give a higher --version`;
  return [`An app of ${build.version} is not offered ${version}: ${remedy}.`, ''];
}

function askLines({ build, url, publicKey, artifacts }: Rehearsal): string[] {
  const platform = platformToAskAs(artifacts);
  if (platform === undefined) return [];
  const { target, arch, bundleType } = platform;
  const path = pathOf('check', { slug: build.slug, target, arch, current_version: build.version });
  const options = {
    server: url,
    slug: build.slug,
    target,
    arch,
    ...(bundleType !== undefined && { 'bundle-type': bundleType }),
    'current-version': build.version,
    pubkey: formatPublicKey(publicKey),
  };
  const flags = Object.entries(options).map(([name, value]) => `--${name} ${value}`);
  return [`npx synckit-ota check --download ${flags.join(' ')}`, `curl -i ${url}${path}`];
}

/** This machine's, if anything was built for it. */
function platformToAskAs(artifacts: readonly Platform[]): Platform | undefined {
  const host = hostPlatform();
  return artifacts.find(({ target, arch }) => target === host.target && arch === host.arch) ?? artifacts[0];
}

function indent(lines: string): string {
  return lines.replace(/^/gm, '  ');
}

/** As the system's shell takes it whole. */
function quote(path: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(path)) return path;
  return process.platform === 'win32' ? `"${path}"` : `'${path.replaceAll("'", "'\\''")}'`;
}
