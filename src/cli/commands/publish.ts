import { type Issue, issuesOf } from '../../issue.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { presenceIssues } from '../../publish/inspect/inspect-artifacts.ts';
import { type PublishRequest, publish } from '../../publish/publish.ts';
import { reportLeftOut } from '../../publish/report-left-out.ts';
import type { ConfigLayer } from '../../tauri/project/config-value.ts';
import { type ConfigFile, PUBKEY_SOURCE, readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import type { Environment } from '../environment.ts';
import { readJobRun } from '../options/job-run.ts';
import { readManifestSigner } from '../options/manifest-key.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readArtifacts, readExpected } from '../options/platform-options.ts';
import {
  readChannel,
  readMinimumSystem,
  readNotes,
  readRequires,
  readRollout,
  readVersion,
} from '../options/release-options.ts';
import { readInteger, readPublicKey, readSlug } from '../options/remote-options.ts';
import { reportPublish } from '../output/publish-report.ts';
import { PublishReporter } from '../output/publish-reporter.ts';
import { readOverrides } from '../project/config-overrides.ts';
import { type ConfiguredArtifacts, readConfiguredArtifacts } from '../project/configured-artifacts.ts';
import { findProjectApp } from '../project/project-app.ts';
import { type ProjectNotes, readProjectNotes } from '../project/project-notes.ts';
import { type DiscoveredRelease, discoverRelease, readProjectKey } from '../project/project-release.ts';
import { cargoAsker } from '../wiring/ask-cargo.ts';
import { readAttestor, requireSigstoreIdentity } from '../wiring/sigstore.ts';
import { withPublisher } from '../wiring/with-publisher.ts';
import type { PublishOptions } from './publish-command.ts';

export async function runPublish(options: PublishOptions, context: Context): Promise<void> {
  const { output, environment } = context;
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, options.project);
  const askCargo = cargoAsker(context);
  const request = await readRequest({ options, config, environment, askCargo }, errors);
  // Reported with what is wrong with the options; otherwise with everything else about the files.
  if (!errors.isEmpty) {
    errors.addIssues(request.issues ?? []);
    errors.addIssues(await presenceIssues(request.artifacts, request));
    reportLeftOut(new PublishReporter(output).report, request.leftOut ?? []);
  }
  const openAttestor = await readAttestor(options, context, errors);
  const published = await withPublisher({ options, context, errors, config }, async (publisher) => ({
    ...(await publish(publisher, { ...request, attestor: await openAttestor(publisher) })),
    client: publisher.client,
  }));
  reportPublish({ ...published, version: request.version }, output);
}

/** Where a publish takes its settings from, besides the project. */
interface Sources {
  readonly options: PublishOptions;
  readonly config: ConfigFile;
  readonly environment: Environment;
  readonly askCargo: ReturnType<typeof cargoAsker>;
}

/** Everything that is published: an option wins over the config file, and that over the project. */
async function readRequest(sources: Sources, errors: OptionErrors): Promise<PublishRequest> {
  const { options, config, environment } = sources;
  const expect = readExpected(options.expect, errors, config.expect);
  const overrides = readOverrides(sources, errors);
  const found = await readFiles({ ...sources, expect, overrides }, errors);
  const { version, artifacts, leftOut, discovered } = found;
  const { notes, warnings } = await findNotes(options, { version, discovered }, errors);
  const { publicKey, embeddedKey, issues: keyIssues } = readKeys(sources, discovered, errors);
  const projectApp = await findProjectApp({
    project: options.project,
    version: version || undefined,
    overrides,
  });
  const manifest = await readManifestSigner(options, sources, errors);
  if (options.attest) requireSigstoreIdentity(environment, errors);
  const concurrency = options.concurrency ?? String(config.concurrency ?? DEFAULT_CONCURRENCY);
  const { draft = false } = options;
  if (draft && options.expect !== undefined) {
    errors.add(
      '--draft and --expect cannot be used together: a draft goes live by `publish finish`, an expected release by itself',
    );
  }
  return {
    version,
    notes: notes?.text,
    notesSource: notes?.source,
    warnings: [...warnings, ...(manifest.warning === undefined ? [] : [manifest.warning])],
    manifest: manifest.signer,
    validity: manifest.validity,
    slug: readSlug(options.slug ?? config.slug, errors),
    projectSlugs: discovered?.slugs,
    channel: readChannel(options.channel ?? config.channel, errors),
    draft,
    expect: draft ? undefined : expect, // --draft wins over the config file's list
    run: readJobRun(options.job, environment, errors),
    artifacts,
    discovered: discovered !== undefined,
    projectApp,
    allowMismatch: options.allowMismatch ?? false,
    leftOut,
    publicKey,
    embeddedKey,
    requires: readRequires(options.requires),
    rollout: readRollout({ ...options, share: options.rollout }, errors, '--rollout'),
    mandatory: options.mandatory,
    minimumSystem: readMinimumSystem(options.minimumSystemVersion, errors),
    updaters: discovered?.updaters,
    issues: [...(discovered?.issues ?? []), ...keyIssues],
    allowPrerelease: options.allowPrerelease ?? false,
    allowLower: options.allowLower ?? false,
    allowStranding: options.allowStranding ?? false,
    allowEndpointMismatch: options.allowEndpointMismatch ?? false,
    skipDownload: options.verifyDownload === false,
    rollbackOnFailure: options.rollbackOnFailure ?? false,
    concurrency: readInteger({ option: '--concurrency', text: concurrency, min: 1, max: 64 }, errors),
    dryRun: options.dryRun ?? false,
  };
}

interface ReleaseKeys {
  /** Undefined where none is given. */
  readonly publicKey: PublicKey | undefined;
  readonly embeddedKey: PublicKey | undefined;
  readonly issues: readonly Issue[];
}

/** The key that signatures are checked against, and the one that the build carries: by default the project's. */
function readKeys(
  { options, config }: Sources,
  discovered: DiscoveredRelease | undefined,
  errors: OptionErrors,
): ReleaseKeys {
  const publicKey =
    options.pubkey === undefined
      ? readPublicKey(config.pubkey, errors, PUBKEY_SOURCE)
      : readPublicKey(options.pubkey, errors);
  const embedded = readPublicKey(options.embeddedPubkey, errors, '--embedded-pubkey');
  if (options.embeddedPubkey || discovered === undefined)
    return { publicKey, embeddedKey: embedded, issues: [] };
  const own = readProjectKey(discovered, publicKey);
  return { publicKey, embeddedKey: own.kind === 'ok' ? own.value : undefined, issues: issuesOf(own) };
}

interface FileSources extends Sources {
  readonly expect: readonly string[] | undefined;
  readonly overrides: readonly ConfigLayer[];
}

interface ReleaseFiles extends ConfiguredArtifacts {
  readonly version: string;
  /** Undefined where the files are listed by options or the config file. */
  readonly discovered: DiscoveredRelease | undefined;
}

/** The files: those of `--artifact`, else of the config file's patterns, else of the project's build. */
async function readFiles(
  { options, config, environment, askCargo, expect, overrides }: FileSources,
  errors: OptionErrors,
): Promise<ReleaseFiles> {
  const { allowUnsignedKind } = options;
  const bundles = (options.bundles ?? []).filter((folder) => folder !== '');
  if (options.artifact?.length && bundles.length > 0) {
    errors.add('--artifact and --bundles cannot be used together: name files, or give a folder to search');
  }
  const given = options.version === undefined ? undefined : readVersion(options.version, errors);
  if (options.artifact?.length) {
    const version = given ?? readVersion(undefined, errors);
    return {
      version,
      artifacts: readArtifacts(options.artifact, errors),
      leftOut: [],
      discovered: undefined,
    };
  }
  if (config.artifacts && bundles.length === 0) {
    const version = given ?? readVersion(undefined, errors);
    const configured = await readConfiguredArtifacts(config.artifacts, { version, expect }, errors);
    return { version, ...configured, discovered: undefined };
  }
  // A config file that cannot be read may list the files, so no project is missing.
  if (config.unreadable) return { version: given ?? '', artifacts: [], leftOut: [], discovered: undefined };
  const { project } = options;
  const search = { project, version: given, overrides, bundles, allowUnsignedKind };
  const discovered = await discoverRelease({ ...search, environment, askCargo }, errors);
  const { artifacts = [], leftOut = [] } = discovered ?? {};
  return { version: given ?? discovered?.version ?? '', artifacts, leftOut, discovered };
}

/** The notes: those of the options, else of the project's changelog. */
async function findNotes(
  options: PublishOptions,
  release: { readonly version: string; readonly discovered: DiscoveredRelease | undefined },
  errors: OptionErrors,
): Promise<ProjectNotes> {
  const { version, discovered } = release;
  const notes = readNotes(options, errors);
  if (notes !== undefined || options.notesFile !== undefined || discovered === undefined) {
    return { notes, warnings: [] };
  }
  const { project } = options;
  const found = await errors.attemptAsync(() => readProjectNotes({ ...discovered, project, version }));
  return found ?? { notes: undefined, warnings: [] };
}
