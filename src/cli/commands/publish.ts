import { type Issue, issuesOf } from '../../issue.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { presenceIssues } from '../../publish/inspect/inspect-artifacts.ts';
import { type PublishRequest, publish } from '../../publish/publish.ts';
import type { Context } from '../context.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import type { Environment } from '../environment.ts';
import { type ConfigFile, PUBKEY_SOURCE, readConfigFileInto } from '../options/config-file.ts';
import { readJobRun } from '../options/job-run.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readArtifacts, readExpected } from '../options/platform-options.ts';
import { readChannel, readNotes, readVersion } from '../options/release-options.ts';
import { readInteger, readPublicKey, readSlug } from '../options/remote-options.ts';
import type { NotesOptions } from '../options/shared-options.ts';
import { reportPublish } from '../output/publish-report.ts';
import { readOverrides } from '../project/config-overrides.ts';
import { type ConfiguredArtifacts, readConfiguredArtifacts } from '../project/configured-artifacts.ts';
import { type DiscoveredRelease, discoverRelease, readProjectKey } from '../project/project-release.ts';
import { cargoAsker } from '../wiring/ask-cargo.ts';
import { withPublisher } from '../wiring/with-publisher.ts';
import type { PublishOptions } from './publish-command.ts';

export async function runPublish(options: PublishOptions, context: Context): Promise<void> {
  const { output, environment } = context;
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, options.project);
  const askCargo = cargoAsker(context);
  const request = await readRequest({ options, config, environment, askCargo }, errors);
  // Reported with what is wrong with the options; otherwise with everything else about the files.
  if (!errors.isEmpty) errors.addIssues(await presenceIssues(request.artifacts));
  const published = await withPublisher({ options, context, errors, config }, async (publisher) => ({
    ...(await publish(publisher, request)),
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
  const { version, artifacts, leftOut, discovered } = await readFiles({ ...sources, expect }, errors);
  const { publicKey, issues: keyIssues } = readKey(sources, discovered, errors);
  const concurrency = options.concurrency ?? String(config.concurrency ?? DEFAULT_CONCURRENCY);
  const { draft = false } = options;
  if (draft && options.expect !== undefined) {
    errors.add(
      '--draft and --expect cannot be used together: a draft goes live by `publish finish`, an expected release by itself',
    );
  }
  return {
    version,
    notes: readNotes(withProjectNotes(options, discovered), errors),
    slug: readSlug(options.slug ?? config.slug, errors),
    projectSlugs: discovered?.slugs,
    channel: readChannel(options.channel ?? config.channel, errors),
    draft,
    expect: draft ? undefined : expect, // --draft wins over the config file's list
    run: readJobRun(options.job, environment, errors),
    artifacts,
    discovered: discovered !== undefined,
    leftOut,
    publicKey,
    issues: [...(discovered?.issues ?? []), ...keyIssues],
    allowPrerelease: options.allowPrerelease ?? false,
    allowLower: options.allowLower ?? false,
    allowKeyChange: options.allowKeyChange ?? false,
    rollbackOnFailure: options.rollbackOnFailure ?? false,
    concurrency: readInteger({ option: '--concurrency', text: concurrency, min: 1, max: 64 }, errors),
    dryRun: options.dryRun ?? false,
  };
}

/** The key that signatures are checked against: a given one, else the project's, which has to be right in any case. */
function readKey(
  { options, config }: Sources,
  discovered: DiscoveredRelease | undefined,
  errors: OptionErrors,
): { readonly publicKey: PublicKey | undefined; readonly issues: readonly Issue[] } {
  const given =
    options.pubkey === undefined
      ? readPublicKey(config.pubkey, errors, PUBKEY_SOURCE)
      : readPublicKey(options.pubkey, errors);
  if (discovered === undefined) return { publicKey: given, issues: [] };
  const own = readProjectKey(discovered, given);
  return { publicKey: given ?? (own.kind === 'ok' ? own.value : undefined), issues: issuesOf(own) };
}

interface ReleaseFiles extends ConfiguredArtifacts {
  readonly version: string;
  /** Undefined where the files are listed by options or the config file. */
  readonly discovered: DiscoveredRelease | undefined;
}

/** The files: those of `--artifact`, else of the config file's patterns, else of the project's build. */
async function readFiles(
  {
    options,
    config,
    environment,
    askCargo,
    expect,
  }: Sources & { readonly expect: readonly string[] | undefined },
  errors: OptionErrors,
): Promise<ReleaseFiles> {
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
  if (config.artifacts) {
    const version = given ?? readVersion(undefined, errors);
    const configured = await readConfiguredArtifacts(config.artifacts, { version, expect }, errors);
    return { version, ...configured, discovered: undefined };
  }
  // A config file that cannot be read may list the files, so no project is missing.
  if (config.unreadable) return { version: given ?? '', artifacts: [], leftOut: [], discovered: undefined };
  const { project } = options;
  const overrides = readOverrides({ options, config, environment }, errors);
  const discovered = await discoverRelease(
    { project, version: given, overrides, environment, askCargo },
    errors,
  );
  const { artifacts = [], leftOut = [] } = discovered ?? {};
  return { version: given ?? discovered?.version ?? '', artifacts, leftOut, discovered };
}

/** Notes from the options win over the changelog's. */
function withProjectNotes(options: NotesOptions, discovered: DiscoveredRelease | undefined): NotesOptions {
  const given = options.notes !== undefined || options.notesFile !== undefined;
  return given || discovered?.notes === undefined ? options : { notes: discovered.notes };
}
