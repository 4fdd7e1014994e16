import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readAppReleases } from '../../client/app-releases.ts';
import { OtaError } from '../../errors.ts';
import { fetchFiles } from '../../import/fetch-files.ts';
import type { ImportedRelease } from '../../import/imported-release.ts';
import { readLatestJson } from '../../import/latest-json.ts';
import { readText } from '../../import/read-text.ts';
import { IMPORT_HINT, importedBefore, readServerReleases } from '../../import/server-releases.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import { type PublishResult, publish } from '../../publish/publish.ts';
import type { Publisher } from '../../publish/publisher.ts';
import type { Context } from '../context.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readChannel } from '../options/release-options.ts';
import { readPublicKey, readSlug } from '../options/remote-options.ts';
import { describe, toDocument } from '../output/publish-report.ts';
import { connectForApp, connectPublicly, type Remote } from '../wiring/connect.ts';
import { withPublisher } from '../wiring/with-publisher.ts';
import type { ImportOptions } from './import-command.ts';

const NO_TEXT_HINT =
  'Name the URL of a latest.json that anyone can read. For the app of another server like this one, pass --from-app too.';
const SOURCE_TOKEN_HINT =
  'Give a valid token of that app, with the scope release:read, with --from-token-file or SYNCKIT_OTA_FROM_TOKEN.';
const SOURCE_HINTS: Readonly<Record<number, string>> = {
  401: SOURCE_TOKEN_HINT,
  403: SOURCE_TOKEN_HINT,
  404: 'Check the URL of the server that is imported from, and the id in --from-app.',
};

/** What is imported, and how its files are reached. */
interface Source {
  readonly releases: readonly ImportedRelease[];
  /** Of the app there, where it is known. */
  readonly slug?: string | undefined;
  /** Whether it is all that another server has. */
  readonly isMirror: boolean;
  readonly notImported: readonly string[];
  readonly remote: Remote | undefined;
}

interface Settings {
  readonly slug: string | undefined;
  readonly channel: string | undefined;
  readonly publicKey: PublicKey | undefined;
}

/** Publishes releases that are somewhere else. */
export async function runImport(options: ImportOptions, context: Context, from: string): Promise<void> {
  const errors = new OptionErrors();
  const settings = {
    slug: readSlug(options.slug, errors),
    channel: readChannel(options.channel, errors),
    publicKey: readPublicKey(options.pubkey, errors),
  };
  const hasToken = Boolean(options.fromToken?.trim() || options.fromTokenFile);
  if (options.fromApp !== undefined && !hasToken)
    errors.add('--from-app needs --from-token-file, or SYNCKIT_OTA_FROM_TOKEN: a token of the app there');
  if (options.fromApp !== undefined && !isUrl(from)) errors.add('--from-app needs the URL of a server');
  await withPublisher({ options, context, errors }, async (publisher) => {
    const source = await openSource(options, context, from);
    try {
      const done = await importAll(publisher, source, { options, context, settings });
      const releases = done.map(({ version, result }) => ({ version, ...toDocument(result) }));
      context.output.document({ releases, not_imported: source.notImported });
      if (releases.length === 0) context.output.result(['Everything was imported before.']);
    } finally {
      await source.remote?.transport.close();
    }
  });
}

function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

async function openSource(options: ImportOptions, context: Context, from: string): Promise<Source> {
  if (options.fromApp !== undefined) return openServer(options, context, from);
  const one = (release: ImportedRelease, remote: Remote | undefined) =>
    ({ releases: [release], isMirror: false, notImported: [], remote }) as const;
  if (isUrl(from)) {
    const url = new URL(from);
    const remote = connectPublicly(url, {}, context);
    return one(readLatestJson(await readText(url, remote, NO_TEXT_HINT), from), remote);
  }
  const file = existsSync(from) && statSync(from).isDirectory() ? join(from, 'latest.json') : resolve(from);
  if (!existsSync(file)) {
    throw new OtaError('usage', `there is no ${file}`, {
      hint: "Name a latest.json, a folder with one, or a URL. For bundles without one, use `publish --bundles` in the app's project.",
    });
  }
  const release = readLatestJson(readFileSync(file, 'utf8'), file, dirname(file));
  const [remoteFile] = release.files.flatMap((each) => (each.from instanceof URL ? [each.from] : []));
  return one(release, remoteFile && connectPublicly(remoteFile, {}, context));
}

async function openServer(options: ImportOptions, context: Context, server: string): Promise<Source> {
  const { fromApp = '', fromToken, fromTokenFile } = options;
  const connection = {
    ...{ server, app: fromApp },
    ...(fromTokenFile ? { tokenFile: fromTokenFile } : fromToken && { token: fromToken }),
  };
  const remote = connectForApp(connection, context);
  const { slug, releases, yanked } = await readServerReleases(remote).catch((error: unknown) => {
    throw asOfSource(error);
  });
  return { slug, releases, isMirror: true, notImported: yanked, remote };
}

/** What the server that is imported from refuses has to do with its own token and app. */
function asOfSource(error: unknown): unknown {
  const hint = error instanceof OtaError ? SOURCE_HINTS[error.status ?? 0] : undefined;
  if (!(error instanceof OtaError) || hint === undefined || error.inFront) return error;
  const { code, message, status, cause } = error;
  return new OtaError(code, message, { hint, status, cause });
}

interface Importing {
  readonly options: ImportOptions;
  readonly context: Context;
  readonly settings: Settings;
}

async function importAll(publisher: Publisher, source: Source, importing: Importing) {
  const { options, context } = importing;
  const { signal, output } = context;
  const before = source.isMirror
    ? importedBefore(await readAppReleases(publisher, IMPORT_HINT), source.releases)
    : new Set<string>();
  const done: { version: string; result: PublishResult }[] = [];
  const given = options.keepFiles;
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'synckit-ota-import-')));
  try {
    for (const release of source.releases) {
      const { version } = release;
      if (before.has(version)) continue;
      const { transport, retry } = source.remote ?? publisher;
      const files = await fetchFiles(release, { transport, retry, folder, signal });
      const result = await publishOne(publisher, { release, files, source }, importing);
      output.result(describe({ ...result, version }, output.style));
      done.push({ version, result });
      if (given === undefined) await rm(join(folder, version), { recursive: true, force: true });
    }
  } finally {
    if (given === undefined) await rm(folder, { recursive: true, force: true });
  }
  for (const version of source.notImported)
    output.warning(`${version} is yanked there, and was not imported`);
  return done;
}

interface OneRelease {
  readonly release: ImportedRelease;
  readonly files: Awaited<ReturnType<typeof fetchFiles>>;
  readonly source: Source;
}

function publishOne(
  publisher: Publisher,
  { release, files, source: { isMirror, slug } }: OneRelease,
  { options, settings }: Importing,
): Promise<PublishResult> {
  const { version, notes, requires } = release;
  return publish(publisher, {
    version,
    notes,
    requires,
    slug: settings.slug ?? slug,
    channel: settings.channel ?? release.channel,
    publicKey: settings.publicKey,
    embeddedKey: release.embeddedPubkey === undefined ? undefined : parsePublicKey(release.embeddedPubkey),
    artifacts: files.map(({ platform, file, signature }) => ({
      ...platform,
      file,
      givenSignature: signature,
    })),
    // What was live there went through the same questions once.
    allowPrerelease: isMirror || (options.allowPrerelease ?? false),
    allowLower: isMirror || (options.allowLower ?? false),
    allowStranding: isMirror || (options.allowStranding ?? false),
    allowMismatch: isMirror || (options.allowMismatch ?? false),
    concurrency: DEFAULT_CONCURRENCY,
    dryRun: options.dryRun ?? false,
  });
}
