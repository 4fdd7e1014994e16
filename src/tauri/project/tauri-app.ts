import { OtaError } from '../../errors.ts';
import type { Target } from '../../protocol/platform.ts';
import { isVersion, precedenceOf } from '../../protocol/version.ts';
import type { CargoManifest } from './cargo-manifest.ts';
import { readTauriConfig, type TauriConfig } from './tauri-config.ts';

/** What a Tauri app is called, for one system. */
export interface TauriApp {
  readonly productName: string;
  readonly version: string;
  readonly config: TauriConfig;
}

/**
 * Reads what the app of a Tauri folder is called on a system: what the configuration leaves out is in `Cargo.toml`.
 * @param version to be taken in place of the project's own
 * @throws OtaError `usage` when the name or the version cannot be told
 */
export async function readTauriApp(
  folder: string,
  target: Target,
  manifest: CargoManifest | undefined,
  version?: string,
): Promise<TauriApp> {
  const config = await readTauriConfig(folder, target);
  const productName = config.productName ?? manifest?.name;
  if (productName === undefined) {
    throw new OtaError('usage', `${config.file} has no productName, and there is no Cargo.toml with a name`);
  }
  return { productName, version: version ?? projectVersion(config, manifest), config };
}

/** The versions an MSI may have in its name: WiX takes numbers only, so tauri-bundler turns `1.2.0-3` into `1.2.0.3`. */
export function msiVersions({ version, config }: TauriApp): readonly string[] {
  const [, build] = version.split('+');
  const core = /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
  const fourth = build ?? precedenceOf(version).slice(core.length + 1);
  return [
    version,
    ...(config.wixVersion ? [config.wixVersion] : []),
    ...(fourth ? [`${core}.${fourth}`] : []),
  ];
}

function projectVersion(config: TauriConfig, manifest: CargoManifest | undefined): string {
  const version = config.version ?? manifest?.version;
  const file = config.version === undefined ? (manifest?.file ?? config.file) : config.file;
  if (version === undefined) {
    throw new OtaError('usage', `${config.file} has no version, and neither has its Cargo.toml`, {
      hint: 'Write it into one of them, or pass --version X.Y.Z.',
    });
  }
  if (isVersion(version)) return version;
  throw new OtaError(
    'usage',
    `version "${version}" in ${file} is not strict semver, nor a JSON file that is there`,
    {
      hint: 'Write it as X.Y.Z, or pass --version X.Y.Z.',
    },
  );
}
