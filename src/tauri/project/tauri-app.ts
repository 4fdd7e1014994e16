import { OtaError } from '../../errors.ts';
import type { Target } from '../../protocol/platform.ts';
import { isVersion, precedenceOf, whyNoVersion } from '../../protocol/version.ts';
import type { CargoManifest } from './cargo-manifest.ts';
import type { ConfigLayer } from './config-value.ts';
import { readTauriConfig, type TauriConfig } from './tauri-config.ts';

/** An app as its configuration for one system describes it. */
export interface TauriApp {
  readonly productName: string;
  readonly version: string;
  readonly config: TauriConfig;
}

export interface TauriAppsOptions {
  readonly tauriFolder: string;
  /** Where name and version are, if the configuration leaves them out. */
  readonly manifest: CargoManifest | undefined;
  /** Overrides the project's own version. */
  readonly version?: string | undefined;
  /** Values of `tauri build --config`. */
  readonly overrides?: readonly ConfigLayer[] | undefined;
}

/** The app of a Tauri folder on each system, read when it is first needed. */
export class TauriApps {
  readonly #options: TauriAppsOptions;
  readonly #apps = new Map<Target, TauriApp>();

  constructor(options: TauriAppsOptions) {
    this.#options = options;
  }

  /** The apps read so far. */
  get read(): ReadonlyMap<Target, TauriApp> {
    return this.#apps;
  }

  /** @throws OtaError `usage` when the configuration cannot be used, or there is no name or version */
  async for(target: Target): Promise<TauriApp> {
    const app = this.#apps.get(target) ?? (await this.#read(target));
    this.#apps.set(target, app);
    return app;
  }

  async #read(target: Target): Promise<TauriApp> {
    const { tauriFolder, manifest, version, overrides } = this.#options;
    const config = await readTauriConfig(tauriFolder, target, overrides);
    const productName = config.productName ?? manifest?.name;
    if (productName === undefined) {
      throw new OtaError('usage', `${config.file} has no productName, and no Cargo.toml has a name`);
    }
    return { productName, version: version ?? projectVersion(config, manifest), config };
  }
}

/** The versions an MSI may have in its name: WiX allows numbers only, so tauri-bundler writes `1.2.0-3` as `1.2.0.3`. */
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
  const version = config.version?.value ?? manifest?.version;
  const file = config.version?.source ?? manifest?.file ?? config.file;
  if (version === undefined) {
    throw new OtaError('usage', `neither ${config.file} nor its Cargo.toml has a version`, {
      hint: 'Add one, or pass --version X.Y.Z.',
    });
  }
  if (isVersion(version)) return version;
  const orFile = version.endsWith('.json') ? ', nor the path of an existing JSON file' : '';
  throw new OtaError('usage', `version "${version}" in ${file} ${whyNoVersion(version)}${orFile}`, {
    hint: 'Write it as X.Y.Z, or pass --version X.Y.Z.',
  });
}
