import { OtaError } from '../../errors.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { TARGETS, type Target } from '../../protocol/platform.ts';
import { readCargoManifest } from '../../tauri/project/cargo-manifest.ts';
import type { ConfigLayer } from '../../tauri/project/config-value.ts';
import { listTauriFolders } from '../../tauri/project/find-tauri-folder.ts';
import { type TauriApp, TauriApps } from '../../tauri/project/tauri-app.ts';
import {
  type Sourced,
  slugsOfEndpoints,
  type TauriConfig,
  type UpdaterConfig,
  updaterOf,
} from '../../tauri/project/tauri-config.ts';
import { PUBKEY_SETTING } from '../../tauri/project/updater-key.ts';
import { isPrivateKey } from '../options/key-file.ts';
import { readProjectKey } from '../project/project-release.ts';
import { endpointFindings } from './endpoint-findings.ts';
import { type Finding, findingOf, mergeSystems } from './finding.ts';

/** What a Tauri project says about its updates. */
export interface ExaminedProject {
  /** The configuration's file; undefined where there is no project. */
  readonly file: string | undefined;
  readonly findings: readonly Finding[];
  readonly version: string | undefined;
  /** Undefined where it has none that an app could read. */
  readonly key: PublicKey | undefined;
  readonly requiresSignedVersion: boolean;
  /** Where its updaters ask, by system: without endpoints that are no use as they are. */
  readonly updaters: ReadonlyMap<Target, UpdaterConfig>;
  /** Every endpoint, of all systems. */
  readonly endpoints: readonly string[];
  readonly slugs: readonly string[];
}

const NOTHING = {
  version: undefined,
  key: undefined,
  requiresSignedVersion: false,
  updaters: new Map(),
  endpoints: [],
  slugs: [],
} as const;

/** Reads the configuration of a project, as each system's build has it. */
export async function examineProject(
  project: string,
  overrides: readonly ConfigLayer[],
): Promise<ExaminedProject> {
  const folders = await listTauriFolders(project);
  const [tauriFolder] = folders;
  if (tauriFolder === undefined || folders.length > 1) {
    return { ...NOTHING, file: undefined, findings: [noProject(project, folders)] };
  }
  const apps = new Map<Target, TauriApp>();
  try {
    const manifest = await readCargoManifest(tauriFolder);
    const reading = new TauriApps({ tauriFolder, manifest, overrides });
    for (const target of TARGETS) apps.set(target, await reading.for(target));
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    const { message: cause, hint = 'Correct the file.' } = error;
    const finding: Finding = { id: 'project.unreadable', code: 'usage', cause, fix: hint };
    return { ...NOTHING, file: tauriFolder, findings: [finding] };
  }
  return summarize(apps, tauriFolder);
}

function noProject(project: string, folders: readonly string[]): Finding {
  const cause =
    folders.length > 1
      ? `${project} contains several Tauri projects: ${folders.join(', ')}`
      : `there is no Tauri project in ${project}, so only the server was examined`;
  return { id: 'project.not_found', code: undefined, cause, fix: 'Name one with --project.' };
}

function summarize(apps: ReadonlyMap<Target, TauriApp>, folder: string): ExaminedProject {
  const found = [...apps].flatMap(([system, { config }]) =>
    configFindings(config, system).map((finding) => ({ ...finding, system })),
  );
  const { key, findings } = keyOf(apps);
  const [app] = apps.values();
  const configs = [...apps.values()].map(({ config }) => config);
  const endpoints = [...new Set(configs.flatMap((config) => config.endpoints.value))];
  return {
    file: app?.config.file ?? folder,
    findings: [...mergeSystems(found, apps.size), ...findings],
    version: app?.version,
    key,
    requiresSignedVersion: configs.some(({ requiresSignedVersion }) => requiresSignedVersion),
    updaters: new Map([...apps].map(([system, { config }]) => [system, soundUpdater(config, system)])),
    endpoints,
    slugs: slugsOfEndpoints(endpoints),
  };
}

function configFindings(config: TauriConfig, system: Target): Finding[] {
  const { pubkey, endpoints, file, acceptsInvalidCertificates, updaterArtifacts } = config;
  if (pubkey === undefined && endpoints.value.length === 0) {
    return [
      {
        id: 'project.no_updater',
        code: 'preflight_refused',
        cause: `${file} configures no updater, so installed apps never ask for an update`,
        fix: 'Add plugins.updater with a pubkey and endpoints; `synckit-ota init` shows what is missing.',
      },
    ];
  }
  const findings: Finding[] = [];
  if (pubkey === undefined) findings.push(noKey(endpoints.source));
  if (endpoints.value.length === 0) findings.push(noEndpoints(endpoints));
  for (const endpoint of endpoints.value) {
    findings.push(...endpointFindings(endpoint, updaterOf(config), system));
  }
  if (acceptsInvalidCertificates) {
    findings.push({
      id: 'project.invalid_certificates',
      code: undefined,
      cause: `the updater of ${file} accepts invalid certificates, so anyone on the way can withhold updates`,
      fix: 'Remove dangerousAcceptInvalidCerts and dangerousAcceptInvalidHostnames from release builds.',
    });
  }
  if (updaterArtifacts === false) {
    findings.push({
      id: 'project.no_updater_artifacts',
      code: undefined,
      cause: `bundle.createUpdaterArtifacts is off in ${file}, so \`tauri build\` signs nothing`,
      fix: 'Set it to true, unless the build turns it on with --config.',
    });
  }
  return findings;
}

function noKey(source: string): Finding {
  return {
    id: 'project.no_pubkey',
    code: 'preflight_refused',
    cause: `${PUBKEY_SETTING} is missing in ${source}, so the updater verifies nothing and installs nothing`,
    fix: "Put the content of the signer's .pub file there; `npx tauri signer generate` makes a key.",
  };
}

function noEndpoints({ source }: Sourced<readonly string[]>): Finding {
  return {
    id: 'project.no_endpoints',
    code: 'preflight_refused',
    cause: `plugins.updater.endpoints is missing or empty in ${source}, so installed apps never ask for an update`,
    fix: 'Add the address of the server, as `synckit-ota init` shows it.',
  };
}

/** The key of all systems. */
function keyOf(apps: ReadonlyMap<Target, TauriApp>): {
  readonly key: PublicKey | undefined;
  readonly findings: readonly Finding[];
} {
  const pubkeys = new Map<Target, Sourced<string>>();
  for (const [target, { config }] of apps) {
    if (config.pubkey === undefined) continue;
    if (isPrivateKey(config.pubkey.value)) return { key: undefined, findings: [privateKey(config.pubkey)] };
    pubkeys.set(target, config.pubkey);
  }
  const [pubkey] = pubkeys.values();
  const read = readProjectKey({ pubkey, pubkeys });
  if (read.kind === 'ok') return { key: read.value, findings: [] };
  const findings = read.issues.map((issue) =>
    findingOf(
      issue,
      issue.id === 'project.keys_differ' ? 'project.keys_differ' : 'project.unreadable_pubkey',
    ),
  );
  return { key: undefined, findings };
}

function privateKey({ source }: Sourced<string>): Finding {
  return {
    id: 'project.private_key',
    code: 'preflight_refused',
    cause: `${PUBKEY_SETTING} in ${source} is a private key: everyone who has a build or the repository can sign updates with it`,
    fix: 'Make a new key with `npx tauri signer generate`, put the content of its .pub file there, and keep the other file secret. Treat this key as stolen.',
  };
}

/** Without endpoints that were found to be no use already. */
function soundUpdater(config: TauriConfig, system: Target): UpdaterConfig {
  const updater = updaterOf(config);
  const isSound = (endpoint: string) =>
    endpointFindings(endpoint, updater, system).every(({ code }) => code === undefined);
  return { ...updater, endpoints: updater.endpoints.filter(isSound) };
}
