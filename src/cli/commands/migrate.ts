import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { requireLeadsOver } from '../../import/last-latest-json.ts';
import { parseLatestJson } from '../../import/latest-json.ts';
import { readText } from '../../import/read-text.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { LatestJsonResponse } from '../../protocol/messages.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import type { Context } from '../context.ts';
import { lineDiff, type PlannedFile, slugOf, tauriConfig } from '../init/plan-files.ts';
import { requireAnswered, writeFiles } from '../init/write-files.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readChannel } from '../options/release-options.ts';
import { readServer, readSlug } from '../options/remote-options.ts';
import { connectPublicly } from '../wiring/connect.ts';
import { findConfig } from './init.ts';
import type { MigrateOptions } from './migrate-command.ts';

/** Moves an app that gets its updates from a `latest.json`. */
export async function runMigrate(options: MigrateOptions, context: Context): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const server = readServer(options.server, errors);
  const channel = readChannel(options.channel, errors) ?? STABLE;
  const config = await errors.attemptAsync(() => findConfig(options.project));
  const slug = readSlug(options.slug ?? slugOf(config), errors);
  if (slug === undefined) errors.add('no slug given, and none in the project: pass --slug');
  if (config === undefined && errors.isEmpty) errors.add(`there is no Tauri project in ${options.project}`);
  const old = oldPlace(options.old, config?.endpoints.value ?? [], errors);
  if (!errors.isEmpty || server === undefined || slug === undefined || old === undefined)
    throw errors.toError();
  const settings = tauriConfig({ config, server, slug });
  const latest = await lastLatestJson({ server, slug, channel, old }, context);
  const planned = [settings, latest && latestFile(options.output, latest)].filter(
    (file): file is PlannedFile => file !== undefined,
  );
  const files = await writeFiles(planned, options, context);
  const version = latest?.version ?? null;
  output.document({ status: options.dryRun ? 'planned' : 'done', slug, old: old.href, version, files });
  output.result([
    ...files.map(({ file, action }) => `${action.padEnd(8)} ${file}`),
    nextStep(latest, { server, old }),
  ]);
  requireAnswered(planned, options);
}

/** The static endpoint that installed apps read. */
function oldPlace(
  given: string | undefined,
  endpoints: readonly string[],
  errors: OptionErrors,
): URL | undefined {
  const text = given ?? endpoints.find((endpoint) => !endpoint.includes('{{') && URL.canParse(endpoint));
  if (text !== undefined && URL.canParse(text) && /^https?:\/\//.test(text)) return new URL(text);
  errors.add(
    text === undefined
      ? 'the project has no endpoint that is a file: pass --old, the latest.json that installed apps read'
      : `--old ${text} is not an http(s) URL`,
  );
  return undefined;
}

interface Move {
  readonly server: URL;
  readonly slug: string;
  readonly channel: string;
  readonly old: URL;
}

/** What the server has for every installed version; undefined while there is nothing. @throws OtaError `preflight_refused` */
async function lastLatestJson(
  { server, slug, channel, old }: Move,
  context: Context,
): Promise<LatestJsonResponse | undefined> {
  const [remote, before] = [connectPublicly(server, {}, context), connectPublicly(old, {}, context)];
  try {
    const next = await remote.retry.run(() => remote.client.latestJson(slug, channel));
    if (next !== undefined) requireLeadsOver(next, parseLatestJson(await readText(old, before), old.href));
    return next;
  } finally {
    await Promise.all([remote.transport.close(), before.transport.close()]);
  }
}

function latestFile(path: string, latest: LatestJsonResponse): PlannedFile | undefined {
  const file = resolve(path);
  const lines = [...JSON.stringify(latest, undefined, 2).split('\n'), ''];
  const before = existsSync(file) ? readSmallFile(file).split('\n') : [];
  if (isDeepStrictEqual(before, lines)) return undefined;
  return { file, lines, diff: lineDiff(before, lines) };
}

function nextStep(
  latest: LatestJsonResponse | undefined,
  { server, old }: Pick<Move, 'server' | 'old'>,
): string {
  return latest === undefined
    ? `Next: publish a version that has the new endpoint on ${server.origin}, with \`synckit-ota publish\` or \`synckit-ota import\`, then run this again.`
    : `Next: put the file in place of ${old.href}; it leads to ${latest.version}.`;
}
