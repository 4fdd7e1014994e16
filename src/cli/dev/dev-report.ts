import { formatPublicKey, type PublicKey } from '../../protocol/minisign.ts';
import { formatPublicKeyForTauri } from '../../protocol/minisign-signer.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { pathOf } from '../../protocol/routes.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { compareVersions } from '../../protocol/version.ts';
import type { VerifiedFile } from '../../publish/server-state/published-file.ts';
import { indent } from '../format.ts';
import { formatTable } from '../layout/table.ts';
import { createStyle, type Style } from '../output/colors.ts';
import { platformFields } from '../output/publish-report.ts';
import { hostPlatform } from '../project/host-platform.ts';
import type { DevBuild } from './dev-build.ts';
import { type ChosenFault, effectOf } from './fault-name.ts';

/** A running `dev`. */
export interface DevSession {
  readonly build: DevBuild;
  /** The version that the build is offered as. */
  readonly version: string;
  /** The server's base URL. */
  readonly url: string;
  readonly publicKey: PublicKey;
  /** The temporary Tauri config; undefined for a sample, which no app can ask for. */
  readonly overlayFile: string | undefined;
  readonly artifacts: readonly VerifiedFile[];
  /** What goes wrong on purpose. */
  readonly fault?: ChosenFault | undefined;
}

/** The document of `dev --json`. */
export function toDocument(session: DevSession) {
  const { build, version, url, publicKey, overlayFile, artifacts, fault } = session;
  return {
    url,
    slug: build.slug,
    current_version: build.version,
    version,
    pubkey: formatPublicKeyForTauri(publicKey),
    overlay: overlayFile ?? null,
    ...(fault && { fault: fault.name }),
    artifacts: artifacts.map((artifact) => ({
      ...platformFields(artifact),
      file: artifact.file ?? null,
      size: artifact.size,
      sha256: artifact.sha256,
    })),
  };
}

/** The text for people: what is offered, and what to run. */
export function describe(
  session: DevSession,
  style: Style = createStyle(false),
  width = Number.POSITIVE_INFINITY,
): string[] {
  const { build, version, url, overlayFile, artifacts, fault } = session;
  const files = artifacts.map((artifact) => [
    platformName(artifact),
    formatBytes(artifact.size),
    artifact.file ?? '',
  ]);
  return [
    style('bold', `Serving ${version} as the update of ${build.name} ${build.version} at ${url}`),
    ...indent(formatTable(files, { width: width - 2 })),
    ...(fault === undefined ? [] : [style('yellow', `Goes wrong on purpose: ${effectOf(fault)}`)]),
    '',
    ...(overlayFile === undefined ? [] : [...appLines(session, overlayFile), '']),
    ...noteLines(session),
    overlayFile === undefined
      ? 'Check for the update as an installed app would:'
      : 'Or check for it as the app would:',
    ...indent(checkLines(session)),
    '',
    'Every check and download is shown here. Press Ctrl-C to stop and remove everything.',
  ];
}

function appLines({ build, version }: DevSession, overlayFile: string): string[] {
  const { configs = [] } = build;
  const config = [...configs, overlayFile].map((value) => `--config ${quote(value)}`).join(' ');
  return [
    "To see the app find and verify the update, run in the project's folder:",
    `  npx tauri dev ${config}`,
    'To see it install the update, build a bundle, install it and start it:',
    `  npx tauri build --debug ${config}`,
    `This config works only while this command runs. The update is your last build, signed as ${version}:`,
    `once installed, the app still shows ${build.version}, and checks the endpoint it was built with.`,
  ];
}

function noteLines({ build, version }: DevSession): string[] {
  if (compareVersions(version, build.version) > 0) return [];
  const remedy = `run an older app (add --config '{"version":"0.0.1"}'), or give a higher --version`;
  return [`An app at ${build.version} is not offered ${version}: ${remedy}.`, ''];
}

function checkLines({ build, url, publicKey, artifacts }: DevSession): string[] {
  const platform = platformToCheck(artifacts);
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
  return [`npx --ignore-scripts synckit-ota check --download ${flags.join(' ')}`, `curl -i ${url}${path}`];
}

/** This machine's platform, if anything was built for it. */
function platformToCheck(artifacts: readonly Platform[]): Platform | undefined {
  const host = hostPlatform();
  return artifacts.find(({ target, arch }) => target === host.target && arch === host.arch) ?? artifacts[0];
}

/** One word for the system's shell. */
function quote(path: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(path)) return path;
  return process.platform === 'win32' ? `"${path}"` : `'${path.replaceAll("'", "'\\''")}'`;
}
