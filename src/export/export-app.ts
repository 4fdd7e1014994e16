import { isDeepStrictEqual } from 'node:util';
import type { OtaClient } from '../client/ota-client.ts';
import type { Retry } from '../client/retry.ts';
import { openDownload } from '../client/transfer/download.ts';
import { endHashing } from '../client/transfer/hash-file.ts';
import type { Transport } from '../client/transport/transport.ts';
import { OtaError } from '../errors.ts';
import type { AppResponse } from '../protocol/messages.ts';
import { ALL_COHORTS } from '../protocol/rollout/cohort.ts';
import { withoutEndSlashes } from '../protocol/routes.ts';
import { mapConcurrently } from '../runtime/map-concurrently.ts';
import type { ExportPlace } from './export-place.ts';
import { answerPaths, type ExportedFile, filesBySource, questionsOf, StaticUrls } from './static-answers.ts';

const CHECKS_AT_ONCE = 8;
const DOWNLOADS_AT_ONCE = 2;
/** How often an export asks anew that was overtaken by a release. */
const MAX_ATTEMPTS = 3;

export interface ExportSource {
  readonly client: OtaClient;
  readonly transport: Transport;
  readonly retry: Retry;
  /** The app with its releases. */
  readApp(): Promise<AppResponse>;
  readonly signal: AbortSignal;
}

export interface ExportTarget {
  /** @param slug the folder of the app */
  open(slug: string): Promise<ExportPlace>;
  /** What the place is reached as, without a slash at the end. */
  readonly baseUrl: string;
  /** How long a file is kept that nothing leads to any more, in milliseconds. */
  readonly graceMs: number;
  readonly now: Date;
}

export interface Exported {
  readonly slug: string;
  readonly channels: readonly string[];
  readonly versions: readonly string[];
  /** Static answers. */
  readonly answers: number;
  readonly files: number;
  readonly downloaded: number;
  readonly removed: readonly string[];
  /** For the configuration of the updater. */
  readonly endpoint: string;
}

/** What all installed apps are answered at one moment. */
interface Answers {
  /** By the path below the app's folder. */
  readonly documents: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, ExportedFile>;
}

/**
 * Writes what the server answers each known version, on each platform and channel, as static files; with the files that
 * they lead to, which come first.
 * @throws OtaError `usage`; `preflight_refused`; `network` while releases keep changing; `verification_failed`
 */
export async function exportApp(source: ExportSource, target: ExportTarget): Promise<Exported> {
  const { app, slug, answers } = await answersOf(source, target);
  const place = await target.open(slug);
  const { channels, versions } = questionsOf(app);
  const downloaded = await fetchFiles(source, place, [...answers.files.values()]);
  for (const [path, text] of answers.documents) await place.write(path, text);
  const index = {
    slug,
    channels,
    versions,
    base_url: `${target.baseUrl}/${slug}`,
    files: [...answers.files.values()].map(({ path, size, sha256 }) => ({ path, size, sha256 })),
  };
  await place.write('index.json', `${JSON.stringify(index, null, 2)}\n`);
  const removed = await place.removeOthers(target.now, target.graceMs);
  return {
    slug,
    channels,
    versions,
    answers: answers.documents.size,
    files: answers.files.size,
    downloaded,
    removed,
    endpoint: `${target.baseUrl}/${slug}/stable/{{target}}/{{arch}}/{{current_version}}.json`,
  };
}

async function answersOf(source: ExportSource, target: ExportTarget) {
  const read = () => source.readApp();
  let app = await read();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { slug } = app;
    if (slug === null) {
      throw new OtaError('usage', 'the app has no slug, so no installed app can ask for its updates', {
        hint: 'Set one with `synckit-ota publish slug`.',
      });
    }
    const answers = await askAll(source, { app, slug, base: `${target.baseUrl}/${slug}` });
    const after = await read();
    if (answers !== undefined && isDeepStrictEqual(app, after)) return { app, slug, answers };
    app = after;
  }
  throw new OtaError('network', 'the releases of the app keep changing while they are exported', {
    hint: 'Run the same command again.',
  });
}

/** @returns undefined where an answer leads to a file that was not there before */
async function askAll(
  { client, retry, signal }: ExportSource,
  { app, slug, base }: { readonly app: AppResponse; readonly slug: string; readonly base: string },
): Promise<Answers | undefined> {
  const urls = new StaticUrls(base, filesBySource(slug, app.releases ?? []));
  const { cells, channels } = questionsOf(app);
  const documents = new Map<string, string>();
  let isComplete = true;
  const add = (paths: readonly string[], answer: object | undefined) => {
    isComplete &&= answer !== undefined;
    for (const path of paths) documents.set(path, JSON.stringify(answer));
  };
  await mapConcurrently(
    cells,
    async (cell) => {
      const { platform, currentVersion, channel } = cell;
      const asked = { ...platform, slug, currentVersion, channel, cohort: ALL_COHORTS } as const;
      const update = await retry.run(() => client.check(asked));
      add(answerPaths(cell), update ? urls.rewrite(update) : urls.noUpdate(currentVersion));
    },
    { concurrency: CHECKS_AT_ONCE, signal },
  );
  for (const channel of channels) {
    const latest = await retry.run(() => client.latestJson(slug, channel));
    if (latest !== undefined) add([`${channel}/latest.json`], urls.rewrite(latest));
  }
  return isComplete ? { documents, files: urls.referenced } : undefined;
}

/** @returns how many were not there */
async function fetchFiles(
  { client, transport, retry, signal }: ExportSource,
  place: ExportPlace,
  files: readonly ExportedFile[],
): Promise<number> {
  const base = withoutEndSlashes(client.server.href);
  async function* read({ path, source, size }: ExportedFile): AsyncGenerator<Uint8Array> {
    const opened = await openDownload(transport, { url: new URL(base + source), maxBytes: size, signal });
    if (opened.kind === 'open') yield* opened.chunks;
    else
      throw new OtaError('verification_failed', `${path} is offered, but not served`, {
        hint: 'Publish the file again.',
      });
  }
  const fetched = await mapConcurrently(
    files,
    (file) => retry.run(() => place.fetch(file, () => read(file))),
    {
      concurrency: DOWNLOADS_AT_ONCE,
      signal,
    },
  ).finally(endHashing);
  return fetched.filter(Boolean).length;
}
